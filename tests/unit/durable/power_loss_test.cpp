// Power is lost at every step of writing: what is opened then holds whole groups of goal states,
// and every one whose reply may have gone out.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/durable/batches.hpp"
#include "tests/unit/durable/recorded_disk.hpp"

namespace alkaid::agent::test {
namespace {

using durable::Batch;
using durable::Database;
using Luck = RecordedDisk::Luck;

// What a power loss leaves by chance is tried so often at every step.
constexpr int kImages = 20;
constexpr int kImagesOfLargeFiles = 4;

Records some(std::size_t first, std::size_t count, char fill, std::size_t size = 100) {
  Records records;
  for (std::size_t i = first; i < first + count; ++i) {
    records.emplace(fmt::format("Z{:06}", i), std::string(size, fill));
  }
  return records;
}

// A database whose writes are recorded, and what it must hold after how many of them.
class PowerLoss : public ::testing::Test {
 protected:
  // From what is there.
  void open(Records records = {}) {
    states_ = {std::move(records)};
    recorded_disk().start(directory_.path());
    reopen();
  }

  void reopen() {
    database_.reset();
    std::string error;
    database_ = Database::open(directory_.path(), error);
    ASSERT_TRUE(database_) << error;
  }

  void write(const Records& puts, const std::vector<std::string>& erased = {}) {
    begin(puts, erased);
    ASSERT_EQ(test::write(*database_, batch_of(puts, erased)), "");
    stored_.push_back(recorded_disk().steps());
  }

  // The same in two parts.
  void write_ahead_and_write(const Records& ahead, const Records& puts) {
    Records all = puts;
    all.insert(ahead.begin(), ahead.end());
    begin(all, {});
    std::vector<Batch> batches;
    batches.push_back(batch_of(ahead));
    ASSERT_EQ(database_->write_ahead(batches), "");
    ASSERT_EQ(test::write(*database_, batch_of(puts)), "");
    stored_.push_back(recorded_disk().steps());
  }

  void write_whole(const Records& records) {
    states_.push_back(records);
    begun_.push_back(recorded_disk().steps());
    Batch batch = batch_of(records);
    batch.set_whole();
    ASSERT_EQ(test::write(*database_, std::move(batch)), "");
    stored_.push_back(recorded_disk().steps());
  }

  // Loses power at every step.
  void lose_power(int images) {
    database_.reset();
    recorded_disk().stop();
    std::mt19937 chance{1};
    // The record is complete: with luck all is there.
    expect_the_file_itself(chance);
    std::size_t uncertain = 0;
    for (std::size_t step = 0; step <= recorded_disk().steps() && !HasFailure(); ++step) {
      expect_groups(step, Luck::kEverything, chance);
      if (!recorded_disk().is_uncertain(step)) {
        continue;
      }
      ++uncertain;
      expect_groups(step, Luck::kNothing, chance);
      for (int i = 0; i < images && !HasFailure(); ++i) {
        expect_groups(step, Luck::kChance, chance);
      }
    }
    EXPECT_GT(uncertain, states_.size());
  }

  Directory directory_;

 private:
  void begin(const Records& puts, const std::vector<std::string>& erased) {
    Records next = states_.back();
    for (const auto& [key, value] : puts) {
      next[key] = value;
    }
    for (const std::string& key : erased) {
      next.erase(key);
    }
    states_.push_back(std::move(next));
    begun_.push_back(recorded_disk().steps());
  }

  static std::string bytes_in(const std::string& file) {
    std::ifstream in{file, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, std::istreambuf_iterator<char>{}};
  }

  void expect_the_file_itself(std::mt19937& chance) {
    const Directory left;
    recorded_disk().leave(recorded_disk().steps(), Luck::kEverything, chance, left.path());
    EXPECT_TRUE(bytes_in(left.file()) == bytes_in(directory_.file()))
        << "what was written is known";
  }

  void expect_groups(std::size_t step, Luck luck, std::mt19937& chance) {
    const auto until = [step](const std::vector<std::size_t>& steps) {
      return std::upper_bound(steps.begin(), steps.end(), step) - steps.begin();
    };
    const Directory left;
    recorded_disk().leave(step, luck, chance, left.path());
    std::string error;
    const auto database = Database::open(left.path(), error);
    ASSERT_TRUE(database) << "step " << step << ": " << error;
    Records records;
    const std::string wrong = database->read([&records](std::string_view key, auto value) {
      if (key.front() != '#') {
        records.emplace(key, value);
      }
      return std::string{};
    });
    ASSERT_EQ(wrong, "") << "step " << step;
    const auto first = states_.begin() + until(stored_);
    const auto last = states_.begin() + until(begun_);
    EXPECT_NE(std::find(first, last + 1, records), last + 1)
        << "step " << step << ": " << records.size() << " records are neither those of group "
        << until(stored_) << ", which was acknowledged, nor of a later one";
  }

  std::unique_ptr<Database> database_;
  std::vector<Records> states_;      // after so many groups
  std::vector<std::size_t> begun_;   // at which step; of the first group and so on
  std::vector<std::size_t> stored_;  // behind which step
};

TEST_F(PowerLoss, LeavesWholeGroups) {
  open();
  for (std::size_t group = 0; group < 8; ++group) {
    const char fill = static_cast<char>('a' + group);
    std::vector<std::string> erased;
    if (group % 2 == 1) {
      erased = {fmt::format("Z{:06}", group), fmt::format("Z{:06}", group + 1)};
    }
    write(some(group * 3, 10, fill), erased);
  }
  reopen();
  write(some(0, 200, 'y'));  // several pages
  write(some(0, 0, 'y'), {"Z000007"});
  write(some(3, 1, 'z'));
  lose_power(kImages);
}

TEST_F(PowerLoss, LeavesAMessageThatIsWrittenAheadOrNothingOfIt) {
  open();
  write(some(0, 20, 'a'));
  write_ahead_and_write(some(10, 300, 'b'), some(200, 20, 'c'));
  write_ahead_and_write(some(0, 1, 'd'), some(400, 1, 'd'));
  lose_power(kImages);
}

TEST_F(PowerLoss, LeavesTheWholeStateOrTheOneBefore) {
  open();
  write(some(0, 100, 'a'));
  write_whole(some(50, 100, 'b'));
  write_whole(some(0, 3, 'c'));
  write(some(0, 100, 'd'));
  lose_power(kImages);
}

// The database is opened anew behind such a write.
TEST_F(PowerLoss, LeavesLargeGroups) {
  open();
  write(some(0, 70000, 'a', 4));
  write(some(100, 5, 'b', 4));
  lose_power(kImagesOfLargeFiles);
}

TEST_F(PowerLoss, LeavesTheOldFormatOrTheNewOne) {
  const std::string old = ALKAID_TEST_DATA "/state-format-1.mdb";
  Records records;
  {
    const Directory copy;
    std::filesystem::copy_file(old, copy.file());
    records = records_in(copy.path());
  }
  ASSERT_FALSE(records.empty());
  std::filesystem::copy_file(old, directory_.file());
  open(records);
  write(some(0, 10, 'a'));
  lose_power(kImages);
}

}  // namespace
}  // namespace alkaid::agent::test
