// Large messages: taken apart, decoded in parts, merged and written while more of them is decoded.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <google/protobuf/arena.h>
#include <gtest/gtest.h>

#include "control/agent/goal_state/neighbor_part.hpp"
#include "control/agent/reconcile/apply_pipe.hpp"
#include "control/agent/reconcile/reconciler_thread.hpp"
#include "control/agent/server/message_parts.hpp"
#include "tests/unit/agent/agent_host.hpp"

namespace alkaid::agent::test {
namespace {

const PortAttach& attach() {
  static std::string error;
  static const auto parsed = PortAttach::parse("af_packet:{tap_name}", error);
  return *parsed;
}

// The bytes as they may arrive: in slices that end anywhere.
grpc::ByteBuffer sliced(const std::string& bytes, std::mt19937& random, std::size_t longest) {
  std::vector<grpc::Slice> slices;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t size = std::min(bytes.size() - at, random() % longest + 1);
    slices.emplace_back(bytes.substr(at, size));
    at += size;
  }
  return {slices.data(), slices.size()};
}

// Any states of neighbors around few addresses, so that they get in each other's way.
schema::GoalState random_neighbors(std::mt19937& random, int count) {
  schema::GoalState message;
  for (int i = 0; i < count; ++i) {
    auto& state = *message.add_neighbor_states();
    const auto number = random() % 20;
    const auto address = random() % 20 + 20;
    const std::string subnet = random() % 10 == 0 ? "unknown" : random() % 2 == 0 ? "green" : "red";
    state =
        neighbor(fmt::format("n{}", number), subnet,
                 fmt::format("10.0.{}.{}", subnet == "red" ? 2 : 1, address),
                 fmt::format("02:00:00:00:00:{:02x}", number),
                 random() % 8 == 0 ? "172.16.0.1" : fmt::format("172.16.0.{}", random() % 3 + 2));
    switch (random() % 8) {
      case 0:
      case 1:
        state.set_operation_type(schema::DELETE);
        break;
      case 2:
        state.mutable_configuration()->set_mac_address("none");
        break;
      default:
        break;
    }
  }
  return message;
}

// Through the stages of a large message, a few neighbors at a time.
std::vector<Status> push_in_parts(Host& host, const schema::GoalState& message,
                                  std::mt19937& random) {
  const auto parts = take_apart(sliced(message.SerializeAsString(), random, 300),
                                schema::GoalState::kNeighborStatesFieldNumber, 1000000);
  schema::GoalState rest;
  EXPECT_TRUE(rest.ParseFromString(parts->rest));
  GoalStateTask task;
  task.decoded = decode(rest, {attach(), host.reconciler.own_addresses()});
  host.reconciler.merge(task);
  const std::span<const std::string_view> neighbors{parts->neighbors};
  for (std::size_t first = 0; first < neighbors.size();) {
    const std::size_t count = std::min(neighbors.size() - first, random() % 7 + 1);
    host.reconciler.merge_part(
        task, decode_neighbors(neighbors.subspan(first, count), NeighborForm::kState,
                               {attach(), host.reconciler.own_addresses()}, nullptr));
    host.reconciler.write_ahead();
    first += count;
  }
  host.reconciler.flush();
  host.reconciler.conclude(task);
  std::vector<Status> statuses;
  for (const auto& result : task.decoded.results) {
    statuses.push_back(result.status);
  }
  return statuses;
}

schema::GoalState network() {
  schema::GoalState message;
  *message.add_subnet_states() = green();
  *message.add_subnet_states() = red();
  return message;
}

TEST(LargeMessage, ComesToTheSameInParts) {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    std::mt19937 random{seed};
    FakeDataplane at_once;
    FakeDataplane in_parts;
    Host one{at_once};
    Host other{in_parts};
    one.push(network());
    other.push(network());
    for (int round = 0; round < 5; ++round) {
      const auto message = random_neighbors(random, 60);
      EXPECT_EQ(one.push(message), push_in_parts(other, message, random)) << "seed " << seed;
      ASSERT_EQ(at_once.dump(), in_parts.dump()) << "seed " << seed << ", round " << round;
    }
    EXPECT_TRUE(other.report().in_sync());
  }
}

TEST(LargeMessage, NothingGoesBeforeWhatTakesItsPlace) {
  std::mt19937 random{1};
  FakeDataplane dataplane;
  Host host{dataplane};
  schema::GoalState message = network();
  *message.add_neighbor_states() =
      neighbor("before", "green", "10.0.1.20", "02:00:00:00:00:20", "172.16.0.2");
  host.push(message);
  schema::GoalState move;
  auto& gone = *move.add_neighbor_states();
  gone = message.neighbor_states(0);
  gone.set_operation_type(schema::DELETE);
  for (int i = 30; i < 60; ++i) {
    *move.add_neighbor_states() =
        neighbor(fmt::format("n{}", i), "green", fmt::format("10.0.1.{}", i), "02:00:00:00:00:30",
                 "172.16.0.2");
  }
  *move.add_neighbor_states() =
      neighbor("after", "green", "10.0.1.20", "02:00:00:00:00:21", "172.16.0.3");
  dataplane.log.clear();
  push_in_parts(host, move, random);
  EXPECT_TRUE(dataplane.has_neighbor(101, "10.0.1.20"));
  EXPECT_EQ(std::count(dataplane.log.begin(), dataplane.log.end(), "delete neighbor"), 0);
}

TEST(LargeMessage, LossOfTheDataplaneInTheMiddle) {
  for (int applies = 0; applies < 6; ++applies) {
    std::mt19937 random{7};
    FakeDataplane dataplane;
    Host host{dataplane};
    host.push(network());
    schema::GoalState message;
    for (int i = 20; i < 60; ++i) {
      *message.add_neighbor_states() =
          neighbor(fmt::format("n{}", i), "green", fmt::format("10.0.1.{}", i), "02:00:00:00:00:30",
                   "172.16.0.2");
    }
    host.client.applies_until_loss = applies;
    const std::vector<Status> statuses = push_in_parts(host, message, random);
    // In how many writes it goes depends on how long they take: the last ones may never come.
    const bool is_lost = !host.reconciler.connected();
    EXPECT_TRUE(is_lost || applies > 0);
    for (const Status status : statuses) {
      EXPECT_EQ(status, is_lost ? Status::kPending : Status::kSuccess);
    }
    host.client.applies_until_loss = -1;
    host.client.available = true;
    if (is_lost) {
      ASSERT_TRUE(host.reconciler.connect());
    }
    EXPECT_EQ(dataplane.neighbors.size(), 40U);
    EXPECT_TRUE(host.report().in_sync());
  }
}

TEST(LargeMessage, WhatFindsNoRoomIsPending) {
  std::mt19937 random{7};
  FakeDataplane dataplane;
  dataplane.most_neighbors = 10;
  Host host{dataplane};
  host.push(network());
  schema::GoalState message;
  for (int i = 20; i < 60; ++i) {
    *message.add_neighbor_states() =
        neighbor(fmt::format("n{}", i), "green", fmt::format("10.0.1.{}", i), "02:00:00:00:00:30",
                 "172.16.0.2");
  }
  const auto statuses = push_in_parts(host, message, random);
  EXPECT_EQ(std::count(statuses.begin(), statuses.end(), Status::kPending), 30);
  EXPECT_EQ(std::count(statuses.begin(), statuses.end(), Status::kSuccess), 10);
}

TEST(LargeMessage, MapEntriesAreFilteredByHost) {
  schema::GoalStateV2 message;
  auto& ours = (*message.mutable_host_resources())["172.16.0.1"];
  (*message.mutable_host_resources())["172.16.0.9"];
  std::vector<std::string> entries;
  for (int i = 0; i < 3; ++i) {
    schema::GoalStateV2 one;
    const std::string key = fmt::format("L2/n{}", i);
    (*one.mutable_neighbor_states())[key] =
        neighbor(fmt::format("n{}", i), "green", fmt::format("10.0.1.{}", 20 + i),
                 "02:00:00:00:00:30", "172.16.0.2");
    if (i < 2) {
      auto& resource = *ours.add_resources();
      resource.set_type(schema::NEIGHBOR);
      resource.set_id(i == 0 ? key : fmt::format("n{}", i));
    }
    std::mt19937 random{1};
    const auto parts = take_apart(sliced(one.SerializeAsString(), random, 7),
                                  schema::GoalStateV2::kNeighborStatesFieldNumber, 10);
    ASSERT_EQ(parts->neighbors.size(), 1U);
    entries.emplace_back(parts->neighbors[0]);
  }
  entries.emplace_back("no entry");
  const std::vector<std::string_view> views{entries.begin(), entries.end()};
  const std::vector<IpAddress> own{IpAddress::parse("172.16.0.1").value()};
  const HostFilter filter{message, own};
  const auto part = decode_neighbors(views, NeighborForm::kMapEntry, {attach(), own}, &filter);
  EXPECT_EQ(part.decoded.neighbors.size(), 2U);
  EXPECT_EQ(part.decoded.filtered, 1U);
  ASSERT_EQ(part.decoded.results.size(), 3U);
  EXPECT_EQ(part.decoded.results[2].status, Status::kInvalidArgument);

  const HostFilter undecidable{message, {}};
  const auto postponed =
      decode_neighbors(views, NeighborForm::kMapEntry, {attach(), {}}, &undecidable);
  EXPECT_TRUE(postponed.decoded.neighbors.empty());
  EXPECT_EQ(postponed.decoded.results[0].status, Status::kPending);
}

TEST(MessageParts, AreTheWholeMessage) {
  std::mt19937 random{3};
  auto message = whole_network();
  message.MergeFrom(random_neighbors(random, 50));
  const std::string bytes = message.SerializeAsString();
  for (const std::size_t longest : {1, 2, 9, 100, 100000}) {
    const auto parts = take_apart(sliced(bytes, random, longest),
                                  schema::GoalState::kNeighborStatesFieldNumber, 1000000);
    ASSERT_TRUE(parts.has_value());
    ASSERT_EQ(parts->neighbors.size(), static_cast<std::size_t>(message.neighbor_states_size()));
    schema::GoalState joined;
    ASSERT_TRUE(joined.ParseFromString(parts->rest));
    EXPECT_EQ(joined.neighbor_states_size(), 0);
    for (const std::string_view neighbor : parts->neighbors) {
      ASSERT_TRUE(joined.add_neighbor_states()->ParseFromArray(neighbor.data(),
                                                               static_cast<int>(neighbor.size())));
    }
    EXPECT_EQ(joined.SerializeAsString(), bytes);
  }
}

TEST(MessageParts, OfDamagedBytesAreNoneOrWithinThem) {
  std::mt19937 random{5};
  const std::string bytes = random_neighbors(random, 5).SerializeAsString();
  const auto field = schema::GoalState::kNeighborStatesFieldNumber;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto parts = take_apart(sliced(bytes.substr(0, size), random, 50), field, 1000);
    if (parts) {
      EXPECT_LE(parts->neighbors.size(), 5U);
    }
  }
  for (int round = 0; round < 5000; ++round) {
    std::string damaged = bytes;
    for (int i = 0; i < 3; ++i) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    const auto parts = take_apart(sliced(damaged, random, 50), field, 1000);
    std::size_t total = parts ? parts->rest.size() : 0;
    for (const auto neighbor : parts ? parts->neighbors : std::vector<std::string_view>{}) {
      total += neighbor.size();
    }
    EXPECT_LE(total, bytes.size());
  }
  const auto cut = take_apart(sliced(bytes, random, 50), field, 2);
  ASSERT_TRUE(cut.has_value());
  EXPECT_EQ(cut->resources, 3U);
}

// An agent that stops while a message is decoded: the half that came must not be left behind.
TEST(LargeMessage, IsGivenUpWhenItsPartsDontCome) {
  FakeDataplane dataplane;
  Host host{dataplane};
  host.push(network());
  const std::string before = dataplane.dump();
  ReconcilerThread thread{host.reconciler};
  thread.start();
  schema::GoalState half;
  *half.add_neighbor_states() =
      neighbor("n", "green", "10.0.1.20", "02:00:00:00:00:20", "172.16.0.2");
  auto task = std::make_unique<GoalStateTask>();
  task->decoded = decode(half, {attach(), {}});
  bool is_done = false;
  task->done = [&is_done](GoalStateTask&) { is_done = true; };
  auto promise = std::make_unique<std::promise<NeighborPart>>();
  task->coming.push_back(promise->get_future());
  thread.submit(std::move(task));
  promise.reset();
  thread.stop();
  EXPECT_FALSE(is_done);
  EXPECT_EQ(dataplane.dump(), before);
}

// Says which neighbors have been written, by the last byte of their addresses.
class WatchedClient : public FakeClient {
 public:
  using FakeClient::FakeClient;

  grpc::Status apply(api::ApplyRequest& request, api::ApplyResponse& response) override {
    grpc::Status status = FakeClient::apply(request, response);
    const std::lock_guard lock{mutex_};
    for (const std::uint64_t address : request.set_neighbors().ip_low()) {
      written_.insert(address & 0xff);
    }
    return status;
  }
  bool has_written(std::uint64_t number) {
    const std::lock_guard lock{mutex_};
    return written_.contains(number);
  }

 private:
  std::mutex mutex_;
  std::set<std::uint64_t> written_;
};

// of_slices: of one each, where there are slices.
void small_ones_are_in_effect_before_a_large_ones_end(bool of_slices) {
  constexpr std::size_t kParts = 200;
  FakeDataplane tables;
  WatchedClient client{tables};
  EventLog events;
  Reconciler reconciler{client, events, IpAddress{}};
  reconciler.connect();
  const std::vector<IpAddress> own = reconciler.own_addresses();
  ReconcilerThread thread{reconciler};
  const auto name = [of_slices](schema::GoalState& message, const std::string& slice,
                                schema::Slice::Operation operation) {
    if (of_slices) {
      message.mutable_slice()->set_name(slice);
      message.mutable_slice()->set_operation(operation);
    }
  };
  const auto message_of = [](int number) {
    auto message = std::make_shared<schema::GoalState>();
    *message->add_neighbor_states() =
        neighbor(fmt::format("n-{}", number), "green", fmt::format("10.0.1.{}", number),
                 fmt::format("02:00:00:00:01:{:02x}", number), "172.16.0.2");
    return message;
  };
  const auto submit = [&](std::shared_ptr<const schema::GoalState> message, const void* sender,
                          std::vector<std::future<NeighborPart>> coming) {
    auto task = std::make_unique<GoalStateTask>();
    task->sender = sender;
    task->decoded = decode(*message, {attach(), own});
    task->message = std::move(message);
    task->coming = std::move(coming);
    auto done = std::make_shared<std::promise<void>>();
    task->done = [done](GoalStateTask&) { done->set_value(); };
    auto is_done = done->get_future();
    thread.submit(std::move(task));
    return is_done;
  };

  thread.start();
  const int sender = 0;
  const int other = 0;
  const int third = 0;
  submit(std::make_shared<schema::GoalState>(network()), &sender, {}).get();
  std::vector<std::promise<NeighborPart>> parts{kParts};
  std::vector<std::future<NeighborPart>> coming;
  for (auto& part : parts) {
    coming.push_back(part.get_future());
  }
  auto head = std::make_shared<schema::GoalState>();
  name(*head, "large", schema::Slice::REPLACE);
  const auto large = submit(std::move(head), &sender, std::move(coming));
  auto first = message_of(230);
  name(*first, "small", schema::Slice::DELTA);
  const auto small = submit(std::move(first), &other, {});
  const auto next = submit(message_of(231), &sender, {});
  auto same = message_of(232);
  name(*same, "large", schema::Slice::DELTA);
  const auto of_same_slice = of_slices ? submit(std::move(same), &third, {}) : std::future<void>{};
  std::size_t come = 0;
  const auto come_one = [&] {
    const auto message = message_of(static_cast<int>(come) + 20);
    parts[come++].set_value(NeighborPart{message, decode(*message, {attach(), own})});
  };
  while (!client.has_written(230) && come + 1 < kParts) {
    come_one();
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  EXPECT_TRUE(client.has_written(230));
  EXPECT_FALSE(client.has_written(231)) << "the same sender's";
  EXPECT_FALSE(client.has_written(232)) << "the same slice's";
  EXPECT_EQ(large.wait_for(std::chrono::seconds{0}), std::future_status::timeout);
  while (come < kParts) {
    come_one();
  }
  large.wait();
  small.wait();
  next.wait();
  EXPECT_TRUE(client.has_written(231));
  if (of_slices) {
    of_same_slice.wait();
    EXPECT_TRUE(client.has_written(232));
    EXPECT_EQ(reconciler.wanted().slices().report("large").resources, kParts + 1);
    EXPECT_EQ(reconciler.wanted().slices().report("small").resources, 1U);
  }
  EXPECT_TRUE(client.has_written(20 + kParts - 1));
}

TEST(LargeMessage, SmallOnesOfOthersAreInEffectBeforeItsEnd) {
  small_ones_are_in_effect_before_a_large_ones_end(false);
}

TEST(LargeMessage, SmallOnesOfOtherSlicesAreInEffectBeforeItsEnd) {
  small_ones_are_in_effect_before_a_large_ones_end(true);
}

// Two bytes each on the wire.
TEST(LargeMessage, EmptyMapEntriesTakeLittleMemory) {
  constexpr std::size_t kEntries = 20'000;
  const std::vector<std::string_view> views(kEntries, std::string_view{});
  const std::vector<IpAddress> own{IpAddress::parse("172.16.0.1").value()};
  const auto part = decode_neighbors(views, NeighborForm::kMapEntry, {attach(), own}, nullptr);
  EXPECT_EQ(part.decoded.results.size(), kEntries);
  const auto arena = std::static_pointer_cast<const google::protobuf::Arena>(part.messages);
  EXPECT_LT(arena->SpaceAllocated(), 200 * kEntries);
}

// A data plane that hangs until it is given up.
class SilentClient : public FakeClient {
 public:
  using FakeClient::FakeClient;
  std::promise<void> given_up;
  std::atomic<int> applies{0};

  grpc::Status apply(api::ApplyRequest& /*request*/, api::ApplyResponse& /*response*/) override {
    if (++applies == 1) {
      given_up.get_future().wait();
    }
    return {grpc::StatusCode::DEADLINE_EXCEEDED, "no answer"};
  }
};

TEST(ApplyPipe, WritesBehindAFailedOneDoNotWaitForTheirOwnDeadline) {
  FakeDataplane dataplane;
  SilentClient client{dataplane};
  ApplyPipe pipe{client};
  for (std::size_t i = 0; i < ApplyPipe::kMostUnderWay; ++i) {
    pipe.start({});
  }
  client.given_up.set_value();
  while (pipe.under_way() > 0) {
    EXPECT_EQ(pipe.finish().status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  }
  EXPECT_EQ(client.applies, 1);
  pipe.start({});
  pipe.finish();
  EXPECT_EQ(client.applies, 2) << "the next one is tried";
}

}  // namespace
}  // namespace alkaid::agent::test
