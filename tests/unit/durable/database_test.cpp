// The file: what it survives and what it says when it doesn't.
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <random>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/agent/durable/archive.hpp"
#include "control/agent/durable/record_keys.hpp"
#include "tests/unit/durable/batches.hpp"
#include "tests/unit/durable/kept_agent.hpp"

namespace alkaid::agent::test {
namespace {

using durable::Batch;
using durable::Database;
using ::testing::HasSubstr;

std::unique_ptr<Database> open(const std::string& directory) {
  std::string error;
  auto database = Database::open(directory, error);
  EXPECT_TRUE(database) << error;
  return database;
}

std::string open_error(const std::string& directory) {
  std::string error;
  Database::open(directory, error);
  return error;
}

Records many(std::size_t count, char fill) {
  Records records;
  for (std::size_t i = 0; i < count; ++i) {
    records.emplace(fmt::format("Z{}", i), std::string(100, fill));
  }
  return records;
}

TEST(StateFile, HoldsWhatWasWritten) {
  const Directory directory;
  const std::string below = directory.path() + "/new/below";
  {
    const auto database = open(below);
    ASSERT_TRUE(database);
    EXPECT_EQ(write(*database, batch_of({{"Xa", "1"}, {"Xb", "2"}, {"Xc", ""}})), "");
    EXPECT_EQ(write(*database, batch_of({{"Xb", "3"}}, {"Xa", "Xunknown"})), "");
  }
  EXPECT_EQ(records_in(below), (Records{{"Xb", "3"}, {"Xc", ""}}));
}

TEST(StateFile, LargeBatchesAreWrittenLikeSmallOnes) {
  const Directory directory;
  Records expected = many(70000, 'a');
  {
    const auto database = open(directory.path());
    ASSERT_TRUE(database);
    EXPECT_EQ(write(*database, batch_of(many(70000, 'a'))), "");
    EXPECT_EQ(write(*database, batch_of({{"Xb", "3"}}, {"Z7"})), "");
  }
  expected.emplace("Xb", "3");
  expected.erase("Z7");
  EXPECT_EQ(records_in(directory.path()), expected);
}

TEST(StateFile, AWholeBatchLeavesNothingElse) {
  const Directory directory;
  {
    const auto database = open(directory.path());
    ASSERT_TRUE(database);
    EXPECT_EQ(write(*database, batch_of(many(300, 'a'))), "");
    Records wanted = many(200, 'a');
    wanted["Z7"] = "other";
    wanted["A"] = "first";
    wanted["Zz"] = "last";
    Batch whole = batch_of(wanted);
    whole.set_whole();
    EXPECT_EQ(write(*database, std::move(whole)), "");
  }
  Records expected = many(200, 'a');
  expected["Z7"] = "other";
  expected["A"] = "first";
  expected["Zz"] = "last";
  EXPECT_EQ(records_in(directory.path()), expected);
}

TEST(StateFile, IsForOneAgent) {
  const Directory directory;
  const auto database = open(directory.path());
  EXPECT_THAT(open_error(directory.path()), HasSubstr("another agent uses"));
}

TEST(StateFile, ANewerFormatIsRefused) {
  const Directory directory;
  {
    const auto database = open(directory.path());
    Batch header;
    header.put(durable::RecordKey{durable::RecordType::kHeader}.bytes(), [](std::string& out) {
      durable::Writer{out}(std::string{"desired state of alkaid-agent"}, Database::kFormat + 1,
                           std::string{"99.0"});
    });
    EXPECT_EQ(write(*database, std::move(header)), "");
  }
  const std::string error = open_error(directory.path());
  EXPECT_THAT(error, HasSubstr("newer alkaid-agent (99.0)"));
  EXPECT_THAT(error, HasSubstr("mv "));
}

std::uint32_t format_of(const std::string& directory) {
  std::uint32_t format = 0;
  int error = 0;
  const auto file = durable::Environment::open(directory + "/state.mdb",
                                               durable::Environment::Mode::kWrite, error);
  std::string bytes;
  if (file &&
      file->read_one(durable::RecordKey{durable::RecordType::kHeader}.bytes(), bytes) == 0) {
    std::string text;
    durable::Reader{bytes}(text, format, text);
  }
  return format;
}

TEST(StateFile, TheFormatWithoutSlicesIsTakenOver) {
  const Directory directory;
  const Records records{{"Xa", "1"}, {"Xb", std::string(300, 'b')}};
  {
    const auto database = open(directory.path());
    Batch former = batch_of(records);
    former.put(durable::RecordKey{durable::RecordType::kHeader}.bytes(), [](std::string& out) {
      durable::Writer{out}(std::string{"desired state of alkaid-agent"}, std::uint32_t{2},
                           std::string{"0.1"});
    });
    EXPECT_EQ(write(*database, std::move(former)), "");
  }
  EXPECT_EQ(format_of(directory.path()), 2U);
  EXPECT_EQ(records_in(directory.path()), records);
  EXPECT_EQ(format_of(directory.path()), Database::kFormat);
  EXPECT_EQ(records_in(directory.path()), records);
}

TEST(StateFile, WhatIsNoStateIsRefused) {
  const Directory directory;
  for (const std::string& text : {std::string{}, std::string{"nonsense"}, std::string(65536, 'x'),
                                  std::string(65536, '\0')}) {
    std::ofstream{directory.file(), std::ios::trunc} << text;
    const std::string error = open_error(directory.path());
    EXPECT_THAT(error, HasSubstr("is damaged")) << text.size();
    EXPECT_THAT(error, HasSubstr("mv " + directory.file()));
  }
}

// Wherever the file ends or differs: an error that says so, or everything that was in it.
TEST(StateFile, TornFilesEndNoAgent) {
  const Directory directory;
  const Records records = many(3000, 'a');
  {
    const auto database = open(directory.path());
    ASSERT_TRUE(database);
    for (const char fill : {'b', 'c', 'a'}) {  // with free pages
      EXPECT_EQ(write(*database, batch_of(many(3000, fill))), "");
    }
  }
  std::ifstream file{directory.file(), std::ios::binary};
  const std::string whole{std::istreambuf_iterator<char>{file}, {}};
  std::mt19937 random{7};
  int damaged = 0;
  for (int round = 0; round < 60; ++round) {
    std::string torn = whole;
    const std::size_t at = random() % whole.size();
    switch (round % 3) {
      case 0:
        torn.resize(at);
        break;
      case 1:
        torn.replace(at, std::min<std::size_t>(4096, whole.size() - at),
                     std::string(std::min<std::size_t>(4096, whole.size() - at), '\xff'));
        break;
      default:
        for (std::size_t i = at; i < std::min(at + 64, whole.size()); ++i) {
          torn[i] = static_cast<char>(random());
        }
        break;
    }
    std::ofstream{directory.file(), std::ios::binary | std::ios::trunc} << torn;
    std::string error;
    const auto database = Database::open(directory.path(), error);
    if (!database) {
      EXPECT_THAT(error, HasSubstr("damaged")) << "round " << round;
      ++damaged;
      continue;
    }
    std::size_t count = 0;
    const std::string wrong = database->read([&](std::string_view key, std::string_view value) {
      ++count;
      EXPECT_EQ(records.at(std::string{key}), value) << "round " << round;
      return std::string{};
    });
    EXPECT_TRUE(count == records.size() || !wrong.empty()) << "round " << round;
  }
  EXPECT_GT(damaged, 10);
}

// The same error as of a full disk comes from a limit of the file's size.
class SizeLimit {
 public:
  explicit SizeLimit(const std::string& file) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &former_);
    const rlimit now{std::filesystem::file_size(file), former_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~SizeLimit() { ::setrlimit(RLIMIT_FSIZE, &former_); }
  SizeLimit(const SizeLimit&) = delete;
  SizeLimit& operator=(const SizeLimit&) = delete;

 private:
  rlimit former_{};
};

TEST(StateFile, AFullDiskChangesNothingAndPasses) {
  const Directory directory;
  const Records records = many(1000, 'a');
  {
    const auto database = open(directory.path());
    ASSERT_TRUE(database);
    EXPECT_EQ(write(*database, batch_of(records)), "");
    {
      const SizeLimit limit{directory.file()};
      EXPECT_THAT(write(*database, batch_of(many(50000, 'b'))), HasSubstr("may not grow"));
    }
    EXPECT_EQ(write(*database, batch_of({{"Xb", "3"}})), "");
  }
  Records expected = records;
  expected.emplace("Xb", "3");
  EXPECT_EQ(records_in(directory.path()), expected);
}

std::string write_ahead(Database& database, Batch batch) {
  std::vector<Batch> batches;
  batches.push_back(std::move(batch));
  return database.write_ahead(batches);
}

TEST(StateFile, WhatIsWrittenAheadStandsWithTheNextWriteOrNotAtAll) {
  const Directory directory;
  {
    const auto database = open(directory.path());
    ASSERT_TRUE(database);
    EXPECT_EQ(write_ahead(*database, batch_of({{"Xa", "1"}})), "");
    EXPECT_EQ(write_ahead(*database, batch_of({{"Xb", "2"}}, {"Xa"})), "");
    EXPECT_EQ(write(*database, batch_of({{"Xc", "3"}})), "");
    EXPECT_EQ(write_ahead(*database, batch_of({{"Xd", "lost with the next"}})), "");
    {
      const SizeLimit limit{directory.file()};
      EXPECT_THAT(write(*database, batch_of(many(50000, 'b'))), HasSubstr("may not grow"));
    }
    EXPECT_EQ(write(*database, batch_of({{"Xe", "5"}})), "");
    EXPECT_EQ(write_ahead(*database, batch_of({{"Xf", "lost with the process"}})), "");
  }
  EXPECT_EQ(records_in(directory.path()), (Records{{"Xb", "2"}, {"Xc", "3"}, {"Xe", "5"}}));
}

TEST(StateFile, WhoTakesTheFileAwayIsNoticed) {
  const Directory directory;
  const auto database = open(directory.path());
  ASSERT_TRUE(database);
  {
    const SizeLimit limit{directory.file()};
    EXPECT_NE(write(*database, batch_of(many(50000, 'b'))), "");
  }
  std::filesystem::remove(directory.file());
  EXPECT_THAT(write(*database, batch_of({{"Xb", "3"}})), HasSubstr("is gone"));
  Batch whole = batch_of({{"Xc", "4"}});
  whole.set_whole();
  EXPECT_EQ(write(*database, std::move(whole)), "");
}

}  // namespace
}  // namespace alkaid::agent::test
