// An agent's insides with a state directory, for tests; and directories that go with the test.
#pragma once

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "control/agent/durable/database.hpp"
#include "control/agent/durable/loader.hpp"
#include "control/agent/durable/state_keeper.hpp"
#include "control/agent/goal_state/decoder.hpp"
#include "control/agent/reconcile/reconciler.hpp"
#include "tests/unit/agent/fake_dataplane.hpp"
#include "tests/unit/agent/goal_states.hpp"

namespace alkaid::agent::test {

class Directory {
 public:
  Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "alkaid-state-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string file() const { return path_ + "/state.mdb"; }

 private:
  std::string path_;
};

inline schema::GoalState message_of(const schema::NeighborState& state) {
  schema::GoalState message;
  *message.add_neighbor_states() = state;
  return message;
}
inline schema::GoalState message_of(const schema::PortState& state) {
  schema::GoalState message;
  *message.add_port_states() = state;
  return message;
}
inline schema::GoalState message_of(const schema::SubnetState& state) {
  schema::GoalState message;
  *message.add_subnet_states() = state;
  return message;
}

using Records = std::map<std::string, std::string>;

// The records that would describe a store.
inline Records records_of(const DesiredStore& store) {
  durable::Recorder recorder;
  store.describe(recorder);
  const durable::Batch batch = recorder.take();
  Records records;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    records.emplace(batch[i].key, *durable::checked_record(batch[i].key, batch[i].value));
  }
  return records;
}

// All but header and completeness of a file that no agent uses.
inline Records records_in(const std::string& directory) {
  std::string error;
  const auto database = durable::Database::open(directory, error);
  EXPECT_TRUE(database) << error;
  Records records;
  if (database) {
    database->read([&records](std::string_view key, std::string_view value) {
      if (key.front() != '#') {
        records.emplace(key, value);
      }
      return std::string{};
    });
  }
  return records;
}

// Dies without a word when it is destroyed, as far as the data plane is concerned.
class KeptAgent {
 public:
  KeptAgent(const std::string& directory, FakeDataplane& tables, bool connect = true)
      : client_(tables), reconciler_(client_, events_, IpAddress{}) {
    auto database = durable::Database::open(directory, error_);
    if (!database) {
      return;
    }
    durable::Database& records = *database;
    keeper_ = std::make_unique<durable::StateKeeper>(std::move(database), events_, times_,
                                                     [this] { wants_whole_.store(true); });
    error_ = reconciler_.restore(
        [&records](DesiredStore& store, bool& is_complete) {
          durable::Loader loader{store};
          std::string wrong = records.read([&loader](std::string_view key, std::string_view value) {
            return loader.take(key, value);
          });
          is_complete = loader.is_complete();
          return wrong;
        },
        keeper_->journal());
    keeper_->start();
    client_.available = connect;
    reconciler_.connect();
    keeper_->submit();
  }

  [[nodiscard]] const std::string& error() const { return error_; }

  template <class Message>
  std::vector<Status> push(const Message& message) {
    std::string error;
    const auto attach = PortAttach::parse("af_packet:{tap_name}", error);
    auto task = std::make_unique<GoalStateTask>();
    task->decoded = decode(message, {*attach, reconciler_.own_addresses()});
    std::promise<std::vector<Status>> replied;
    task->done = [&replied](GoalStateTask& finished) {
      std::vector<Status> statuses;
      for (const auto& result : finished.decoded.results) {
        statuses.push_back(result.status);
      }
      replied.set_value(std::move(statuses));
    };
    reconciler_.merge(*task);
    reconciler_.end_merge(*task);
    keeper_->submit();
    reconciler_.flush();
    reconciler_.conclude(*task);
    std::vector<std::unique_ptr<GoalStateTask>> tasks;
    tasks.push_back(std::move(task));
    keeper_->finish(std::move(tasks));
    return replied.get_future().get();
  }

  // As the reconciler's thread does when the keeper asks for it.
  void serve_keeper() {
    if (wants_whole_.exchange(false)) {
      keeper_->submit_whole(reconciler_.wanted(), reconciler_.is_complete());
    }
  }

  // Ends, except for what the agent remembers.
  void release() {
    keeper_->stop();
    keeper_.reset();
  }

  [[nodiscard]] const DesiredStore& wanted() const { return reconciler_.wanted(); }
  [[nodiscard]] Reconciler& reconciler() { return reconciler_; }
  [[nodiscard]] durable::StateKeeper& keeper() { return *keeper_; }
  [[nodiscard]] EventLog& events() { return events_; }
  [[nodiscard]] const StageTimes& times() const { return times_; }
  [[nodiscard]] FakeClient& client() { return client_; }

 private:
  std::string error_;
  std::atomic<bool> wants_whole_{false};
  EventLog events_;
  StageTimes times_;
  FakeClient client_;
  Reconciler reconciler_;
  std::unique_ptr<durable::StateKeeper> keeper_;
};

}  // namespace alkaid::agent::test
