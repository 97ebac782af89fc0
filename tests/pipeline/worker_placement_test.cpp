// Which worker polls which port, and changes of it while packets pass.
#include <chrono>
#include <optional>
#include <set>
#include <stop_token>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <rte_dev.h>
#include <rte_ethdev.h>

#include "dataplane/ports/transmit_lock.hpp"
#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"

namespace alkaid::test {
namespace {

using namespace net;

constexpr Station kTrunkGuest{Ipv4Address{0x0a010015}, MacAddress::from_number(0x020000010015)};
const std::string kUplink = "ring:up";

DataplaneSettings two_workers() {
  auto settings = PipelineLab::default_settings();
  settings.worker_lcores = {0, 1};
  return settings;
}

DataplaneSettings with_trunk() {
  auto settings = two_workers();
  settings.trunks = {{.name = "trunk0",
                      .attachment = {.kind = AttachmentKind::kRing, .device = "trunk0"},
                      .text = "ring:trunk0"}};
  return settings;
}

class WorkerPlacement : public ::testing::Test {
 protected:
  PortManager& ports() { return lab_->dataplane().ports(); }
  unsigned worker_of_port(const std::string& id) { return ports().view(id).port->device.worker; }
  unsigned worker_of_uplink() { return ports().views().front().port->device.worker; }
  // Those that a worker polls.
  std::set<std::string> polled_by(unsigned worker) {
    std::set<std::string> ids;
    for (const PolledQueue& polled : lab_->dataplane().workers()[worker]->poll_list().queues) {
      ids.insert(lab_->dataplane().port_table().find(polled.port)->id);
    }
    return ids;
  }
  void make(const DataplaneSettings& settings, LabQueues queues = {}) {
    lab_.emplace(settings, queues);
    lab_->program_network();
    lab_->walk();
  }
  void add_trunk_guest() {
    auto config = PipelineLab::port_config("t-1", kGreen, kTrunkGuest);
    config.attachment = "vlan:trunk0/5";
    ASSERT_FALSE(lab_->programmer().set(config));
    lab_->walk();
  }
  // From a guest to a guest, from a guest to the wire, and from there to a guest.
  void expect_that_packets_pass() {
    const auto here = udp_frame(kGreen1, kGreen3.mac, kGreen3.ip);
    const auto out = udp_frame(kGreen3, kGreen2.mac, kGreen2.ip);
    const auto in = udp_frame(kGreen2, kGreen1.mac, kGreen1.ip);
    lab_->send("green-1", Frames{here});
    EXPECT_EQ(lab_->take("green-3"), Frames{here});
    lab_->send("green-3", Frames{out});
    EXPECT_EQ(lab_->take("up").size(), 1U);
    lab_->send("up", Frames{tunnelled(in, uplink_mac(*lab_))});
    EXPECT_EQ(lab_->take("green-1"), Frames{in});
    EXPECT_TRUE(lab_->all_drops().empty());
  }

  std::vector<std::jthread> run_workers() {
    std::vector<std::jthread> threads;
    for (unsigned number = 0; number < 2; ++number) {
      threads.emplace_back([this, number](const std::stop_token& stop) {
        QuiescenceDomain& quiescence = lab_->dataplane().quiescence();
        quiescence.register_worker(number);
        while (!stop.stop_requested()) {
          lab_->dataplane().workers()[number]->step();
        }
        quiescence.unregister_worker(number);
      });
    }
    return threads;
  }
  std::vector<unsigned> workers_of(const std::string& id) { return ports().view(id).workers; }

  std::optional<PipelineLab> lab_;
};

TEST_F(WorkerPlacement, QueuesAreSpread) {
  make(two_workers());
  EXPECT_EQ(polled_by(0).size(), 2U);
  EXPECT_EQ(polled_by(1).size(), 2U);
  const unsigned worker = worker_of_port("green-1");
  lab_->programmer().remove_port("green-1");
  lab_->dataplane().tick();
  ASSERT_FALSE(lab_->programmer().set(PipelineLab::port_config("green-1", kGreen, kGreen1)));
  EXPECT_EQ(worker_of_port("green-1"), worker) << "who has fewest takes it";
  expect_that_packets_pass();
}

TEST_F(WorkerPlacement, SettingsSayWho) {
  auto settings = two_workers();
  settings.port_workers = {{kUplink, {1}}, {"green-1", {1}}, {"nobody", {0}}};
  make(settings);
  EXPECT_EQ(worker_of_uplink(), 1U);
  EXPECT_EQ(polled_by(1), (std::set<std::string>{kUplink, "green-1"}));
  expect_that_packets_pass();
}

TEST_F(WorkerPlacement, PortsMove) {
  make(two_workers());
  for (const unsigned worker : {0U, 1U, 1U, 0U}) {
    for (const std::string& id : {kUplink, std::string{"green-1"}}) {
      EXPECT_EQ(ports().move(id, worker), "");
      EXPECT_TRUE(polled_by(worker).contains(id));
      EXPECT_FALSE(polled_by(1 - worker).contains(id));
    }
    EXPECT_EQ(worker_of_uplink(), worker);
    EXPECT_EQ(worker_of_port("green-1"), worker);
    expect_that_packets_pass();
  }
  for (const auto& lock : transmit_locks) {
    EXPECT_FALSE(lock.is_engaged);
  }
}

// The test is worker 0, which says when it has finished a burst; the control thread is another one.
TEST_F(WorkerPlacement, AMoveWaitsForTheWorkerThatThePortLeaves) {
  make(two_workers());
  ASSERT_EQ(ports().move("green-1", 0), "");
  QuiescenceDomain& quiescence = lab_->dataplane().quiescence();
  quiescence.register_worker(0);
  const Port* before = ports().view("green-1").port;
  const TransmitLock& lock = transmit_locks[before->device.ethdev];
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  const auto becomes_true = [&](const auto& condition) {
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    return condition();
  };
  // The control thread asks a moment after what it shows: a report that came before counts for
  // nothing and is made again.
  const auto report_until = [&](const auto& condition) {
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      quiescence.report_quiescent(0);
      const auto next = std::chrono::steady_clock::now() + std::chrono::seconds(5);
      while (!condition() && std::chrono::steady_clock::now() < next) {
        std::this_thread::yield();
      }
    }
    return condition();
  };
  std::jthread control([this] { EXPECT_EQ(ports().move("green-1", 1), ""); });

  EXPECT_TRUE(becomes_true([&] { return lock.is_engaged.load(); }));
  const auto now = [&] { return lab_->dataplane().port_table().find(before->index); };
  EXPECT_EQ(now(), before) << "until worker 0 is known to use the lock";
  EXPECT_TRUE(polled_by(0).contains("green-1"));
  EXPECT_FALSE(polled_by(1).contains("green-1"));

  EXPECT_TRUE(report_until([&] { return !polled_by(0).contains("green-1"); }));
  EXPECT_EQ(now()->device.worker, 1U);
  EXPECT_FALSE(polled_by(1).contains("green-1")) << "until worker 0 has let go of the queue";
  EXPECT_TRUE(lock.is_engaged.load());

  EXPECT_TRUE(report_until([&] { return polled_by(1).contains("green-1"); }));
  quiescence.unregister_worker(0);
  control.join();
  EXPECT_FALSE(lock.is_engaged.load());
  expect_that_packets_pass();
}

// What the worker has taken in before the move is sent by the one that owns the queue then.
TEST_F(WorkerPlacement, PacketsOnTheirWayAreSentByTheNewOwner) {
  make(two_workers());
  ASSERT_EQ(ports().move("green-1", 0), "");
  ASSERT_EQ(ports().move("green-3", 1), "");
  const auto frame = udp_frame(kGreen1, kGreen3.mac, kGreen3.ip);
  lab_->enqueue("green-1", Frames(20, frame));
  lab_->dataplane().workers()[0]->step();  // handed over to worker 1
  ASSERT_TRUE(lab_->take("green-3").empty());
  ASSERT_EQ(ports().move("green-3", 0), "");
  lab_->walk();
  EXPECT_EQ(lab_->take("green-3"), Frames(20, frame));
  EXPECT_EQ(ports().view("green-3").port->counters[0].tx_packets.read(), 20U);
  EXPECT_TRUE(lab_->all_drops().empty());
}

TEST_F(WorkerPlacement, ATrunkMovesWithAllItsPorts) {
  make(with_trunk());
  add_trunk_guest();
  const auto frame = udp_frame(kGreen1, kTrunkGuest.mac, kTrunkGuest.ip);
  for (const unsigned worker : {0U, 1U}) {
    EXPECT_EQ(ports().move("trunk:trunk0", worker), "");
    EXPECT_EQ(worker_of_port("t-1"), worker);
    lab_->send("green-1", Frames{frame});
    EXPECT_EQ(lab_->take("trunk0").size(), 1U);
    EXPECT_EQ(ports().view("t-1").port->counters[worker].tx_packets.read(), 1U);
  }
  EXPECT_NE(ports().move("t-1", 1).find("moves as a whole"), std::string::npos);
  EXPECT_TRUE(lab_->all_drops().empty());
}

TEST_F(WorkerPlacement, AWorkerIsTakenOutAndIn) {
  make(two_workers());
  EXPECT_EQ(ports().set_active(1, false), "");
  EXPECT_EQ(polled_by(0).size(), 4U);
  EXPECT_TRUE(polled_by(1).empty());
  expect_that_packets_pass();
  EXPECT_NE(ports().set_active(0, false).find("last"), std::string::npos);
  EXPECT_NE(ports().move("green-1", 1).find("set worker 1 on"), std::string::npos);

  lab_->make_rings("late");
  ASSERT_FALSE(lab_->programmer().set(PipelineLab::port_config("late", kRed, kTrunkGuest)));
  EXPECT_EQ(worker_of_port("late"), 0U) << "nor do new ones go there";

  EXPECT_EQ(ports().set_active(1, true), "");
  EXPECT_GE(polled_by(0).size(), 2U);
  EXPECT_GE(polled_by(1).size(), 2U);
  expect_that_packets_pass();
}

TEST_F(WorkerPlacement, WorkersInReserveAreTakenInLater) {
  auto settings = two_workers();
  settings.workers_on = 1;
  settings.port_workers = {{"green-1", {1}}};
  make(settings, {.receive = 2});
  EXPECT_FALSE(ports().is_active(1));
  EXPECT_EQ(polled_by(0).size(), 4U);
  EXPECT_TRUE(polled_by(1).empty());
  EXPECT_EQ(ports().views().front().workers, (std::vector<unsigned>{0, 0}))
      << "as many queues as there may be workers";
  expect_that_packets_pass();

  EXPECT_EQ(ports().set_active(1, true), "");
  EXPECT_EQ(worker_of_port("green-1"), 1U) << "as it was said at the start";
  const auto workers = ports().views().front().workers;
  EXPECT_EQ(std::set(workers.begin(), workers.end()), (std::set<unsigned>{0, 1}));
  expect_that_packets_pass();
}

TEST_F(WorkerPlacement, WhoWasMovedByHandComesBack) {
  make(two_workers());
  EXPECT_EQ(ports().move("green-1", 1), "");
  EXPECT_EQ(ports().set_active(1, false), "");
  EXPECT_EQ(worker_of_port("green-1"), 0U);
  EXPECT_EQ(ports().set_active(1, true), "");
  EXPECT_EQ(worker_of_port("green-1"), 1U);
}

TEST_F(WorkerPlacement, RefusalsSayWhy) {
  make(two_workers());
  EXPECT_NE(ports().move("nobody", 0).find("no port \"nobody\""), std::string::npos);
  EXPECT_NE(ports().move("", 0).find("no port"), std::string::npos);
  EXPECT_NE(ports().move("green-1", 2).find("0 to 1"), std::string::npos);
  EXPECT_NE(ports().set_active(2, false).find("0 to 1"), std::string::npos);
  auto sink = PipelineLab::port_config("sink", kRed, kTrunkGuest);
  sink.attachment = "null:";
  ASSERT_FALSE(lab_->programmer().set(sink));
  EXPECT_NE(ports().move("sink", 0).find("no queue"), std::string::npos);
}

// Both workers run; the rings of the devices are for one reader and one writer, as drivers' queues.
TEST_F(WorkerPlacement, NothingIsLostWhilePortsMove) {
  make(with_trunk());
  add_trunk_guest();
  const std::uint64_t buffers = lab_->buffers_in_use();
  std::vector<std::jthread> threads = run_workers();
  const auto forth = udp_frame(kGreen1, kGreen3.mac, kGreen3.ip);
  const auto back = udp_frame(kGreen3, kGreen1.mac, kGreen1.ip);
  const auto out = udp_frame(kGreen1, kGreen2.mac, kGreen2.ip);
  const auto into_vlan = udp_frame(kGreen3, kTrunkGuest.mac, kTrunkGuest.ip);
  constexpr std::size_t kRounds = 100;
  constexpr std::size_t kAtOnce = 8;
  constexpr std::size_t kMostOnTheirWay = 40 * kAtOnce;  // rings don't overflow by that
  constexpr std::size_t kTunnelHeaders = 50;
  constexpr std::size_t kTag = 4;
  std::size_t received = 0;
  std::size_t sent_out = 0;
  const auto receive = [&] {
    for (const Bytes& frame : lab_->take("green-3")) {
      received += frame == forth ? 1 : 0;
    }
    for (const Bytes& frame : lab_->take("green-1")) {
      received += frame == back ? 1 : 0;
    }
    for (const Bytes& frame : lab_->take("trunk0")) {
      received += frame.size() == into_vlan.size() + kTag ? 1 : 0;
    }
    for (const Bytes& frame : lab_->take("up")) {
      sent_out += frame.size() == out.size() + kTunnelHeaders ? 1 : 0;
    }
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(90);
  const auto receive_all_but = [&](std::size_t count, std::size_t sent) {
    while (received + sent_out + count < sent && std::chrono::steady_clock::now() < deadline) {
      receive();
    }
  };
  for (std::size_t round = 0; round < kRounds; ++round) {
    lab_->enqueue("green-1", Frames(kAtOnce, forth));
    lab_->enqueue("green-3", Frames(kAtOnce, back));
    lab_->enqueue("green-1", Frames(kAtOnce, out));
    lab_->enqueue("green-3", Frames(kAtOnce, into_vlan));
    const auto worker = static_cast<unsigned>(round % 2);
    switch (round % 5) {
      case 0:
        EXPECT_EQ(ports().move("green-3", 1 - worker_of_port("green-3")), "");
        break;
      case 1:
        EXPECT_EQ(ports().move("green-1", 1 - worker_of_port("green-1")), "");
        break;
      case 2:
        EXPECT_EQ(ports().set_active(worker, false), "");
        EXPECT_EQ(ports().set_active(worker, true), "");
        break;
      case 3:
        EXPECT_EQ(ports().move("trunk:trunk0", 1 - worker_of_port("t-1")), "");
        break;
      default:
        EXPECT_EQ(ports().move(kUplink, 1 - worker_of_uplink()), "");
        break;
    }
    lab_->dataplane().tick();
    receive_all_but(kMostOnTheirWay, (round + 1) * 4 * kAtOnce);
  }
  receive_all_but(0, kRounds * 4 * kAtOnce);
  threads.clear();
  EXPECT_EQ(received, 3 * kRounds * kAtOnce);
  EXPECT_EQ(sent_out, kRounds * kAtOnce);
  lab_->walk();
  EXPECT_TRUE(lab_->all_drops().empty());
  EXPECT_EQ(lab_->buffers_in_use(), buffers);
}

// ---- several receive queues of a device

constexpr LabQueues kTwoQueues{.receive = 2};

TEST_F(WorkerPlacement, QueuesOfAPortAreSpread) {
  make(two_workers(), {.receive = 3});
  for (const unsigned worker : {0U, 1U}) {
    EXPECT_EQ(polled_by(worker), (std::set<std::string>{kUplink, "green-1", "green-3", "red-1"}));
  }
  EXPECT_EQ(workers_of("green-1").size(), 2U) << "no more than workers";
  const auto frame = udp_frame(kGreen1, kGreen3.mac, kGreen3.ip);
  for (const unsigned queue : {0U, 1U}) {
    lab_->enqueue("green-1", Frames(3, frame), queue);
    lab_->walk();
    EXPECT_EQ(lab_->take("green-3"), Frames(3, frame));
    EXPECT_EQ(
        ports().view("green-1").port->counters[workers_of("green-1")[queue]].rx_packets.read(), 3U);
  }
  EXPECT_TRUE(lab_->all_drops().empty());
}

TEST_F(WorkerPlacement, SettingsSayHowManyQueuesAndWhoPollsEach) {
  auto settings = two_workers();
  settings.port_workers = {{"green-1", {1, 0, 1}}, {"green-3", {0}}};
  settings.queues = 3;
  make(settings, {.receive = 4});
  EXPECT_EQ(workers_of("green-1"), (std::vector<unsigned>{1, 0, 1}));
  EXPECT_EQ(workers_of("green-3"), (std::vector<unsigned>{0, 0, 0}));
  const auto spread = workers_of("red-1");
  EXPECT_EQ(std::set<unsigned>(spread.begin(), spread.end()).size(), 2U);
  expect_that_packets_pass();
}

TEST_F(WorkerPlacement, OneQueueMoves) {
  make(two_workers(), kTwoQueues);
  ASSERT_EQ(ports().move("green-1", 0), "");
  EXPECT_EQ(workers_of("green-1"), (std::vector<unsigned>{0, 0}));
  const Port* before = ports().view("green-1").port;
  EXPECT_EQ(ports().move("green-1", 1, 1), "");
  EXPECT_EQ(workers_of("green-1"), (std::vector<unsigned>{0, 1}));
  EXPECT_EQ(ports().view("green-1").port, before) << "connections are not decided anew";
  EXPECT_EQ(ports().move("green-1", 1, 0), "");
  EXPECT_EQ(ports().move("green-1", 0, 1), "");
  EXPECT_EQ(workers_of("green-1"), (std::vector<unsigned>{1, 0}));
  EXPECT_EQ(worker_of_port("green-1"), 1U) << "who sends is the first queue's";
  expect_that_packets_pass();
  EXPECT_NE(ports().move("green-1", 0, 2).find("0 to 1"), std::string::npos);
  auto sink = PipelineLab::port_config("sink", kRed, kTrunkGuest);
  sink.attachment = "null:";
  ASSERT_FALSE(lab_->programmer().set(sink));
  EXPECT_NE(ports().move("sink", 0, 0).find("no queue"), std::string::npos);

  EXPECT_EQ(ports().set_active(0, false), "");
  EXPECT_EQ(workers_of("green-1"), (std::vector<unsigned>{1, 1}));
  EXPECT_EQ(ports().set_active(0, true), "");
  EXPECT_EQ(workers_of("green-1"), (std::vector<unsigned>{1, 0})) << "as an operator wanted";
  EXPECT_EQ(ports().move("green-1", 0), "");
  EXPECT_EQ(workers_of("green-1"), (std::vector<unsigned>{0, 0})) << "the last word counts";
}

TEST_F(WorkerPlacement, AWorkerThatComesBackGetsAQueueOfEachPort) {
  make(two_workers(), kTwoQueues);
  ASSERT_EQ(ports().set_active(1, false), "");
  EXPECT_TRUE(polled_by(1).empty());
  expect_that_packets_pass();
  ASSERT_EQ(ports().set_active(1, true), "");
  for (const char* id : {"green-1", "green-3", "red-1"}) {
    const auto workers = workers_of(id);
    EXPECT_EQ(std::set<unsigned>(workers.begin(), workers.end()).size(), 2U) << id;
  }
  expect_that_packets_pass();
}

TEST_F(WorkerPlacement, WorkersSendByQueuesOfTheirOwn) {
  make(two_workers(), {.receive = 2, .transmit = 2});
  const auto frame = udp_frame(kGreen1, kGreen3.mac, kGreen3.ip);
  for (const unsigned queue : {0U, 1U}) {
    lab_->enqueue("green-1", Frames(2, frame), queue);
    lab_->walk();
    EXPECT_EQ(lab_->take("green-3", workers_of("green-1")[queue]), Frames(2, frame));
  }
  EXPECT_TRUE(lab_->all_drops().empty());
}

// Of guests' own devices there may be many, and each queue takes buffers.
TEST_F(WorkerPlacement, GuestsDevicesOfDpdkHaveAsManyQueuesAsTheySay) {
  make(two_workers());
  ASSERT_EQ(rte_eal_hotplug_add("vdev", "net_null_queues", "no-rx=1"), 0);
  auto config = PipelineLab::port_config("null-1", kGreen, kTrunkGuest);
  config.attachment = "dev:net_null_queues,queues=2";
  ASSERT_FALSE(lab_->programmer().set(config));
  const auto information = [this] {
    rte_eth_dev_info device{};
    EXPECT_EQ(rte_eth_dev_info_get(ports().view("null-1").port->device.ethdev, &device), 0);
    return device;
  };
  EXPECT_EQ(information().nb_rx_queues, 2);
  EXPECT_EQ(workers_of("null-1").size(), 2U);
  config.attachment = "dev:net_null_queues";
  ASSERT_FALSE(lab_->programmer().set(config));
  EXPECT_EQ(information().nb_rx_queues, 1);
  EXPECT_EQ(workers_of("null-1").size(), 1U);
  lab_.reset();
  EXPECT_EQ(rte_eal_hotplug_remove("vdev", "net_null_queues"), 0);
}

// Packets of one flow come by both queues, as whole ones and fragments may: both workers make,
// find and count one connection.
TEST_F(WorkerPlacement, NothingIsLostWhileQueuesMove) {
  make(two_workers(), {.receive = 2, .transmit = 2});
  const std::uint64_t buffers = lab_->buffers_in_use();
  std::vector<std::jthread> threads = run_workers();
  const auto forth = udp_frame(kGreen1, kGreen3.mac, kGreen3.ip);
  const auto out = udp_frame(kGreen3, kGreen2.mac, kGreen2.ip);
  constexpr std::size_t kRounds = 100;
  constexpr std::size_t kAtOnce = 8;
  constexpr std::size_t kMostOnTheirWay = 40 * kAtOnce;
  std::size_t received = 0;
  std::size_t sent_out = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(90);
  const auto receive_all_but = [&](std::size_t count, std::size_t sent) {
    while (received + sent_out + count < sent && std::chrono::steady_clock::now() < deadline) {
      for (const Bytes& frame : lab_->take("green-3")) {
        received += frame == forth ? 1 : 0;
      }
      sent_out += lab_->take("up").size();
    }
  };
  const std::string ids[] = {"green-1", "green-3", kUplink};
  for (std::size_t round = 0; round < kRounds; ++round) {
    for (const unsigned queue : {0U, 1U}) {
      lab_->enqueue("green-1", Frames(kAtOnce, forth), queue);
      lab_->enqueue("green-3", Frames(kAtOnce, out), queue);
    }
    const auto queue = static_cast<std::uint16_t>(round % 2);
    EXPECT_EQ(ports().move(ids[round % 3], static_cast<unsigned>(round / 2 % 2), queue), "");
    lab_->dataplane().tick();
    receive_all_but(kMostOnTheirWay, (round + 1) * 4 * kAtOnce);
  }
  receive_all_but(0, kRounds * 4 * kAtOnce);
  threads.clear();
  EXPECT_EQ(received, 2 * kRounds * kAtOnce);
  EXPECT_EQ(sent_out, 2 * kRounds * kAtOnce);
  lab_->walk();
  EXPECT_TRUE(lab_->all_drops().empty());
  EXPECT_EQ(lab_->buffers_in_use(), buffers);
  EXPECT_EQ(lab_->dataplane().connection_usage().totals(false).used, 2U);
}

}  // namespace
}  // namespace alkaid::test
