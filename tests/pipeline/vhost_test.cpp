// Guest ports by vhost-user, with a real driver on the other side of the socket.
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include "dataplane/vhost/vhost_link.hpp"
#include "dataplane/vhost/vhost_polls.hpp"
#include "dataplane/vhost/vhost_view.hpp"
#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"
#include "tests/pipeline/ipv6_network.hpp"
#include "tests/pipeline/vhost_lab.hpp"
#include "tests/pipeline/virtio_guest.hpp"

namespace alkaid::test {
namespace {

using namespace net;

// A hypervisor's end of the socket, by hand.
class RawSocket {
 public:
  explicit RawSocket(const std::string& path)
      : descriptor_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    is_connected_ =
        ::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~RawSocket() { ::close(descriptor_); }
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;

  [[nodiscard]] bool is_connected() const { return is_connected_; }
  void send(const Bytes& bytes) { ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  // The other side has closed the connection, or does within 20 s.
  bool is_closed() {
    pollfd entry{descriptor_, POLLIN, 0};
    char byte = 0;
    return ::poll(&entry, 1, 20'000) == 1 && ::recv(descriptor_, &byte, 1, 0) <= 0;
  }

 private:
  int descriptor_;
  bool is_connected_ = false;
};

struct Way {
  std::string name;
  std::string kind;
  VirtioGuest::Settings guest;
};

class VhostWays : public ::testing::TestWithParam<Way> {};

TEST_P(VhostWays, FramesBothWays) {
  VhostLab vhost(GetParam().kind);
  vhost.connect(GetParam().guest);
  PipelineLab& lab = *vhost.lab;
  const std::uint64_t buffers = lab.buffers_in_use();
  const Bytes out = udp_frame(kMachine, kGreen2.mac, kGreen2.ip);
  const Bytes here = udp_frame(kMachine, kGreen1.mac, kGreen1.ip);
  const Bytes in = udp_frame(kGreen2, kMachine.mac, kMachine.ip);
  const Bytes back = udp_frame(kGreen1, kMachine.mac, kMachine.ip);
  for (const int time : {1, 2, 3}) {
    SCOPED_TRACE(time);
    ASSERT_TRUE(vhost.guest->send(Frames{out, out, here}));
    vhost.walk();
    EXPECT_EQ(vhost.take_from_wire(), (Frames{out, out}));
    EXPECT_EQ(lab.take("green-1"), Frames{here});
    lab.send("up", {tunnelled(in, uplink_mac(lab))});
    lab.send("green-1", {back});
    EXPECT_EQ(vhost.guest->take(), (Frames{in, back}));
  }
  const PortCounters& counters = vhost.view().port->counters[0];
  EXPECT_EQ(counters.rx_packets.read(), 9U);
  EXPECT_EQ(counters.rx_bytes.read(), 3 * (2 * out.size() + here.size()));
  EXPECT_EQ(counters.tx_packets.read(), 6U);
  EXPECT_EQ(counters.tx_bytes.read(), 3 * (in.size() + back.size()));
  EXPECT_EQ(vhost.view().driver, "vhost-user");
  EXPECT_TRUE(lab.all_drops().empty());
  EXPECT_EQ(lab.buffers_in_use(), buffers);
}

INSTANTIATE_TEST_SUITE_P(
    Ways, VhostWays,
    ::testing::Values(Way{"Server", "vhost-user-server", {}}, Way{"Client", "vhost-user", {}},
                      Way{"Packed", "vhost-user-server", {.packed_rings = true}},
                      Way{"OneBufferPerFrame", "vhost-user-server", {.merges_buffers = false}}),
    [](const auto& info) { return info.param.name; });

TEST(Vhost, ChecksumsThatTheGuestLeavesAreCompleted) {
  VhostLab vhost;
  vhost.connect({.leaves_work = true});
  const Bytes whole = udp_frame(kMachine, kGreen2.mac, kGreen2.ip);
  // Pseudo-header (RFC 768): addresses, protocol 17, length; folded, not inverted.
  std::uint32_t sum = 17 + 40;
  for (std::size_t i = 26; i < 34; i += 2) {
    sum += whole[i] << 8 | whole[i + 1];
  }
  sum = (sum & 0xffff) + (sum >> 16);
  Bytes left = whole;
  left[40] = static_cast<std::uint8_t>(sum >> 8);
  left[41] = static_cast<std::uint8_t>(sum);
  for (const int time : {1, 2}) {
    SCOPED_TRACE(time);
    ASSERT_TRUE(vhost.guest->send(Frames{left}, {.udp_checksum = true}));
    vhost.walk();
    EXPECT_EQ(vhost.take_from_wire(), Frames{whole});
  }
  // Without the guest's word the field is what it is.
  ASSERT_TRUE(vhost.guest->send(Frames{left}));
  vhost.walk();
  EXPECT_EQ(vhost.take_from_wire(), Frames{left});
}

// A guest that leaves segmentation to its device, by IPv4 or IPv6 (the parameter).
class VhostLargeTcp : public ::testing::TestWithParam<bool> {
 protected:
  static constexpr IpAddress kMachine6 = green_v6(0x1f);

  VhostLargeTcp() {
    program_ipv6(*vhost_.lab);
    auto config = vhost_.port();
    config.fixed_ips.push_back(kMachine6);
    EXPECT_FALSE(vhost_.lab->programmer().set(config));
    vhost_.connect({.leaves_work = true});
  }
  // What it sends, and the segments.
  static Bytes tcp_part(const Bytes& data, std::size_t offset, std::size_t size,
                        std::uint16_t number, std::uint8_t flags) {
    const auto first = data.begin() + static_cast<std::ptrdiff_t>(offset);
    const Bytes part(first, first + static_cast<std::ptrdiff_t>(size));
    const TcpFields tcp{.sequence = static_cast<std::uint32_t>(0xffffff00 + offset),
                        .flags = flags};
    const auto ethernet = packet().ethernet({.source = kMachine.mac, .destination = kGreen2.mac});
    return GetParam() ? ethernet.ipv6({.source = kMachine6, .destination = kGreen2v6.ip})
                            .tcp(tcp)
                            .payload(part)
                            .build()
                      : ethernet
                            .ipv4({.source = kMachine.ip,
                                   .destination = kGreen2.ip,
                                   .identification = static_cast<std::uint16_t>(0xfffe + number)})
                            .tcp(tcp)
                            .payload(part)
                            .build();
  }

  VhostLab vhost_;
};

TEST_P(VhostLargeTcp, IsCutIntoSegments) {
  constexpr std::uint8_t kAck = 0x10;
  constexpr std::uint8_t kPushFin = 0x09;
  constexpr std::uint8_t kReduced = 0x80;
  EXPECT_TRUE(vhost_.guest->may_send_large());
  EXPECT_TRUE(vhost_.guest->may_receive_large());
  Bytes data(20000);
  for (std::size_t i = 0; i < data.size(); ++i) {
    data[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
  }
  constexpr std::size_t kSize = 1300;
  Frames expected;
  for (std::size_t offset = 0; offset < data.size(); offset += kSize) {
    const bool is_last = offset + kSize >= data.size();
    expected.push_back(tcp_part(data, offset, std::min(kSize, data.size() - offset),
                                static_cast<std::uint16_t>(expected.size()),
                                kAck | (is_last ? kPushFin : 0) | (offset == 0 ? kReduced : 0)));
  }
  const std::uint64_t buffers = vhost_.lab->buffers_in_use();
  const Bytes large = tcp_part(data, 0, data.size(), 0, kAck | kPushFin | kReduced);
  for (const int time : {1, 2}) {
    SCOPED_TRACE(time);
    ASSERT_TRUE(vhost_.guest->send(Frames{large}, {.segment_size = kSize}));
    vhost_.walk();
    EXPECT_EQ(vhost_.take_from_wire(), expected);
  }
  EXPECT_EQ(vhost_.view().port->counters[0].rx_packets.read(), 2 * expected.size());
  EXPECT_TRUE(vhost_.lab->all_drops().empty());
  // Crumbs would be more work for us than for the guest: it stays whole, and is too big then.
  ASSERT_TRUE(vhost_.guest->send(Frames{large}, {.segment_size = 8}));
  vhost_.walk();
  EXPECT_TRUE(vhost_.take_from_wire().empty());
  EXPECT_EQ(vhost_.lab->all_drops().size(), 1U);
  EXPECT_EQ(vhost_.lab->buffers_in_use(), buffers);
}

INSTANTIATE_TEST_SUITE_P(All, VhostLargeTcp, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Ipv6" : "Ipv4"; });

// A walk's frames have a bound, whatever guests leave to be cut: the pool is everyone's, and a
// node's stream has an end. What waits is taken in the next walks, each ring in its turn.
TEST(Vhost, LargeTcpOfAWalkIsBounded) {
  constexpr std::uint16_t kQueues = 4;
  constexpr std::uint16_t kSegment = 80;
  constexpr std::size_t kSegments = 125;
  constexpr std::size_t kPackets = 32;
  constexpr std::size_t kMostFrames = 4096;
  VhostLab vhost("vhost-user-server", [] {
    auto settings = PipelineLab::default_settings();
    settings.packet_buffers = 16384;
    return settings;
  }());
  vhost.connect({.leaves_work = true, .queues = kQueues});
  const Bytes large = packet()
                          .ethernet({.source = kMachine.mac, .destination = kGreen2.mac})
                          .ipv4({.source = kMachine.ip, .destination = kGreen2.ip})
                          .tcp({.flags = 0x10})
                          .payload(Bytes(kSegments * kSegment, 7))
                          .build();
  for (std::uint16_t queue = 0; queue < kQueues; ++queue) {
    ASSERT_TRUE(vhost.guest->send(Frames(kPackets, large), {.segment_size = kSegment}, queue));
  }
  const auto received = [&] { return vhost.view().port->counters[0].rx_packets.read(); };
  std::uint64_t before = received();
  unsigned full_walks = 0;
  VhostLab::wait_until([&] {
    vhost.lab->dataplane().workers().front()->step();
    static_cast<void>(vhost.lab->take("up"));
    const std::uint64_t now = received();
    EXPECT_LE(now - before, kMostFrames);
    full_walks += now - before > kMostFrames / 2 ? 1 : 0;
    before = now;
    return now == kQueues * kPackets * kSegments;
  });
  EXPECT_GE(full_walks, 4U);
  EXPECT_EQ(vhost.lab->drops("vm-1", DropReason::no_buffer), 0U);
}

// How often a guest's ring was looked into (below).
std::atomic<unsigned> looks{0};

TEST(Vhost, OfManyPortsTheBusyOneAndOneMoreAreLookedAt) {
  constexpr unsigned kPorts = 256;
  constexpr unsigned kIdleGuests = 6;
  auto settings = PipelineLab::default_settings();
  settings.tables.ports = 2 * kPorts;
  VhostLab vhost("vhost-user-server", settings);
  std::deque<VirtioGuest> idle;
  for (unsigned number = 2; number <= kPorts; ++number) {
    auto config = vhost.port(fmt::format("vm-{}", number));
    config.mac = MacAddress::from_number(0x020000020000 + number);
    config.fixed_ips = {IpAddress{Ipv4Address{0x0a010100 + number}}};
    config.attachment = fmt::format("vhost-user-server:{}-{}", vhost.path(), number);
    ASSERT_FALSE(vhost.lab->programmer().set(config));
  }
  for (unsigned number = 2; number < 2 + kIdleGuests; ++number) {
    idle.emplace_back(VirtioGuest::Settings{.path = fmt::format("{}-{}", vhost.path(), number)});
    vhost.wait_for(PortAttachState::kAttached, fmt::format("vm-{}", number));
  }
  EXPECT_TRUE(std::filesystem::is_socket(fmt::format("{}-{}", vhost.path(), kPorts)));
  EXPECT_EQ(vhost.view(fmt::format("vm-{}", kPorts)).state, PortAttachState::kWaiting);
  vhost.connect();
  const Bytes frame = udp_frame(kMachine, kGreen2.mac, kGreen2.ip);
  const auto walk_busy = [&](unsigned walks) {
    for (unsigned i = 0; i < walks; ++i) {
      ASSERT_TRUE(vhost.guest->send(Frames{frame}));
      vhost.lab->dataplane().workers().front()->step();
      ASSERT_EQ(vhost.take_from_wire(), Frames{frame});
    }
  };
  // Until the others are idle.
  walk_busy(VhostPollSet::kPatience + 1);
  looks = 0;
  constexpr unsigned kWalks = 64;
  walk_busy(kWalks);
  EXPECT_LE(looks, 2 * kWalks);
  EXPECT_GE(looks, kWalks);
  // Who was idle is heard at once when it is its turn.
  const Bytes other =
      packet()
          .ethernet({.source = MacAddress::from_number(0x020000020002), .destination = kGreen2.mac})
          .ipv4({.source = Ipv4Address{0x0a010102}, .destination = kGreen2.ip})
          .udp({})
          .build();
  ASSERT_TRUE(idle.front().send(Frames{other}));
  for (unsigned i = 0; i < kIdleGuests; ++i) {
    vhost.lab->walk();
  }
  EXPECT_EQ(vhost.take_from_wire(), Frames{other});
}

TEST(Vhost, LargeFramesAreChainsBothWays) {
  VhostLab vhost;
  auto config = vhost.port();
  config.mtu = 9000;
  ASSERT_FALSE(vhost.lab->programmer().set(config));
  EXPECT_EQ(vhost.view().port->mtu, 9000);
  vhost.connect({.leaves_work = true});
  // Answered by the gateway, so it goes the whole way back to the guest.
  const Bytes ping = packet()
                         .ethernet({.source = kMachine.mac, .destination = kGreenGatewayMac})
                         .ipv4({.source = kMachine.ip, .destination = kGreenGateway})
                         .icmp({})
                         .payload(Bytes(7001, 0x5a))
                         .build();
  const std::uint64_t buffers = vhost.lab->buffers_in_use();
  ASSERT_TRUE(vhost.guest->send(Frames{ping}));
  vhost.walk();
  const Frames answers = vhost.guest->take();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].size(), ping.size());
  EXPECT_EQ(Bytes(answers[0].begin() + 42, answers[0].end()), Bytes(ping.begin() + 42, ping.end()));
  EXPECT_EQ(vhost.lab->buffers_in_use(), buffers);
}

TEST(Vhost, AFullRingIsACountedDrop) {
  VhostLab vhost;
  vhost.connect();
  const Bytes in = udp_frame(kGreen1, kMachine.mac, kMachine.ip);
  const std::uint64_t buffers = vhost.lab->buffers_in_use();
  vhost.lab->send("green-1", Frames(400, in));
  const std::size_t received = vhost.guest->take().size();
  EXPECT_GT(received, 0U);
  EXPECT_EQ(vhost.lab->drops("green-1", DropReason::egress_queue_full), 400 - received);
  EXPECT_EQ(vhost.view().port->counters[0].tx_packets.read(), received);
  EXPECT_EQ(vhost.lab->buffers_in_use(), buffers);
  vhost.lab->send("green-1", {in});
  EXPECT_EQ(vhost.guest->take(), Frames{in});
}

TEST(Vhost, ARunOfPacketsIsTakenAsFarAsThereIsRoom) {
  VhostLab vhost;
  vhost.connect();
  const Frames in(200, udp_frame(kGreen1, kMachine.mac, kMachine.ip));
  vhost.lab->send("green-1", in);
  EXPECT_EQ(vhost.guest->take().size(), in.size());
  EXPECT_EQ(vhost.lab->drops("green-1", DropReason::egress_queue_full), 0U);
}

TEST(Vhost, APortWaitsForItsGuest) {
  VhostLab vhost;
  const Bytes in = udp_frame(kGreen1, kMachine.mac, kMachine.ip);
  for (const int time : {1, 2, 3}) {
    SCOPED_TRACE(time);
    EXPECT_EQ(vhost.view().state, PortAttachState::kWaiting);
    EXPECT_NE(vhost.view().detail.find(vhost.path()), std::string::npos);
    vhost.lab->send("green-1", {in});
    EXPECT_EQ(vhost.lab->drops("green-1", DropReason::egress_port_down),
              static_cast<std::uint64_t>(time));
    EXPECT_EQ(vhost_polls_of(0), nullptr);
    vhost.connect();
    EXPECT_EQ(vhost_polls_of(0)->size(), 1U);
    vhost.lab->send("green-1", {in});
    EXPECT_EQ(vhost.guest->take(), Frames{in});
    vhost.guest.reset();
    vhost.wait_for(PortAttachState::kWaiting);
  }
}

TEST(Vhost, ASocketIsOnePorts) {
  VhostLab vhost;
  PipelineLab& lab = *vhost.lab;
  auto second = vhost.port("vm-2");
  second.mac = MacAddress::from_number(0x02000001002f);
  second.fixed_ips = {IpAddress{Ipv4Address{0x0a01002f}}};
  ASSERT_FALSE(lab.programmer().set(second));
  EXPECT_EQ(vhost.view("vm-2").state, PortAttachState::kFailed);
  EXPECT_NE(vhost.view("vm-2").detail.find("another port's"), std::string::npos);
  lab.programmer().remove_port("vm-1");
  vhost.wait_for(PortAttachState::kWaiting, "vm-2");
}

TEST(Vhost, ADeviceHasOneHypervisor) {
  VhostLab vhost;
  vhost.connect();
  const Bytes out = udp_frame(kMachine, kGreen2.mac, kGreen2.ip);
  const Bytes in = udp_frame(kGreen1, kMachine.mac, kMachine.ip);
  {
    VirtioGuest second({.path = vhost.path()});
    ASSERT_TRUE(second.send(Frames{out}));
    vhost.walk();
    EXPECT_TRUE(vhost.take_from_wire().empty());
    vhost.lab->send("green-1", {in});
    EXPECT_TRUE(second.take().empty());
    EXPECT_EQ(vhost.guest->take(), Frames{in});
  }
  ASSERT_TRUE(vhost.guest->send(Frames{out}));
  vhost.walk();
  EXPECT_EQ(vhost.take_from_wire(), Frames{out});
}

TEST(Vhost, NonsenseOnTheSocketEndsTheConnection) {
  VhostLab vhost;
  // Requests that don't exist, lengths beyond everything.
  Bytes unknown(12, 0xff);
  Bytes long_request{1, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f};
  // A ring that was never set up is kicked: nothing comes of it, and the connection stays.
  Bytes kick{12, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0};
  for (const Bytes& nonsense : {unknown, long_request, Bytes(5000, 0x41)}) {
    RawSocket socket(vhost.path());
    ASSERT_TRUE(socket.is_connected());
    socket.send(nonsense);
    EXPECT_TRUE(socket.is_closed());
  }
  RawSocket kicker(vhost.path());
  kicker.send(kick);
  vhost.connect();
  const Bytes out = udp_frame(kMachine, kGreen2.mac, kGreen2.ip);
  ASSERT_TRUE(vhost.guest->send(Frames{out}));
  vhost.walk();
  EXPECT_EQ(vhost.take_from_wire(), Frames{out});
}

TEST(Vhost, ALeftOverSocketIsReplacedAndOtherFilesAreNot) {
  VhostLab vhost;
  vhost.lab->programmer().remove_port("vm-1");
  EXPECT_FALSE(std::filesystem::exists(vhost.path()));
  {
    const int left_over = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, vhost.path().c_str(), sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(left_over, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ::close(left_over);
  }
  ASSERT_TRUE(std::filesystem::exists(vhost.path()));
  ASSERT_FALSE(vhost.lab->programmer().set(vhost.port()));
  EXPECT_EQ(vhost.view().state, PortAttachState::kWaiting);
  vhost.connect();
  vhost.guest.reset();

  vhost.lab->programmer().remove_port("vm-1");
  std::ofstream{vhost.path()} << "precious";
  ASSERT_FALSE(vhost.lab->programmer().set(vhost.port()));
  EXPECT_EQ(vhost.view().state, PortAttachState::kFailed);
  EXPECT_NE(vhost.view().detail.find("no socket"), std::string::npos) << vhost.view().detail;
  EXPECT_TRUE(std::filesystem::is_regular_file(vhost.path()));
}

TEST(VhostLink, RingsGoWhenNoWorkerUsesThemAnyMore) {
  start_eal();
  QuiescenceDomain quiescence(2);
  quiescence.register_worker(0);
  quiescence.register_worker(1);
  VhostLink link(quiescence);
  ASSERT_TRUE(link.rings_ready({7}, {}));
  EXPECT_FALSE(link.rings_ready({8}, {})) << "two at once";
  link.rings_going(8);
  EXPECT_EQ(link.device(), 7);

  std::atomic<bool> are_gone{false};
  std::thread events([&] {
    link.rings_going(7);
    are_gone = true;
  });
  VhostLab::wait_until([&] { return link.device() == VhostLink::kNone; });
  quiescence.report_quiescent(0);
  std::this_thread::sleep_for(std::chrono::milliseconds{50});
  EXPECT_FALSE(are_gone) << "worker 1 may still use them";
  // The grace period may begin only now.
  VhostLab::wait_until([&] {
    quiescence.report_quiescent(0);
    quiescence.report_quiescent(1);
    return are_gone.load();
  });
  events.join();
  EXPECT_TRUE(link.rings_ready({8}, {}));
  quiescence.unregister_worker(0);
  quiescence.unregister_worker(1);
}

// A worker in a thread of its own, for as long as this lives.
class RunningWorker {
 public:
  explicit RunningWorker(Worker& worker) : worker_(worker), thread_([&worker] { worker.run(); }) {}
  ~RunningWorker() {
    worker_.stop();
    thread_.join();
  }
  RunningWorker(const RunningWorker&) = delete;
  RunningWorker& operator=(const RunningWorker&) = delete;

 private:
  Worker& worker_;
  std::thread thread_;
};

// The rings are unmapped under a worker that uses them all the time.
TEST(Vhost, GuestsComeAndGoWhileTheWorkerRuns) {
  VhostLab vhost;
  PipelineLab& lab = *vhost.lab;
  const RunningWorker running(*lab.dataplane().workers()[0]);
  const Bytes out = udp_frame(kMachine, kGreen1.mac, kGreen1.ip);
  const Bytes in = udp_frame(kGreen1, kMachine.mac, kMachine.ip);
  for (int time = 0; time < 10; ++time) {
    SCOPED_TRACE(time);
    vhost.guest.emplace(VirtioGuest::Settings{.path = vhost.path(), .packed_rings = time % 2 == 0});
    bool has_received = false;
    bool has_sent = false;
    VhostLab::wait_until([&] {
      lab.dataplane().tick();
      lab.enqueue("green-1", {in});
      vhost.guest->send(Frames{out});
      has_received |= !vhost.guest->take().empty();
      has_sent |= !lab.take("green-1").empty();
      return has_received && has_sent;
    });
    // In the middle of it.
    vhost.guest->send(Frames(64, out));
    if (time % 3 == 2) {
      lab.programmer().remove_port("vm-1");
      vhost.guest.reset();
      ASSERT_FALSE(lab.programmer().set(vhost.port()));
    } else {
      vhost.guest.reset();
    }
    lab.take("green-1");
  }
}

DataplaneSettings two_workers() {
  auto settings = PipelineLab::default_settings();
  settings.worker_lcores = {0, 1};
  return settings;
}

TEST(Vhost, PortsMoveBetweenWorkersWhileTheirGuestsTalk) {
  VhostLab vhost("vhost-user-server", two_workers());
  vhost.connect();
  PipelineLab& lab = *vhost.lab;
  PortManager& ports = lab.dataplane().ports();
  const std::uint64_t buffers = lab.buffers_in_use();
  {
    const RunningWorker first(*lab.dataplane().workers()[0]);
    const RunningWorker second(*lab.dataplane().workers()[1]);
    const Bytes out = udp_frame(kMachine, kGreen1.mac, kGreen1.ip);
    const Bytes in = udp_frame(kGreen1, kMachine.mac, kMachine.ip);
    constexpr std::size_t kAtOnce = 16;
    for (unsigned round = 0; round < 50; ++round) {
      SCOPED_TRACE(round);
      ASSERT_TRUE(vhost.guest->send(Frames(kAtOnce, out)));
      lab.enqueue("green-1", Frames(kAtOnce, in));
      if (round % 5 == 4) {
        EXPECT_EQ(ports.set_active(1, false), "");
        EXPECT_EQ(ports.set_active(1, true), "");
      } else {
        EXPECT_EQ(ports.move("vm-1", 1 - vhost.view().port->device.worker), "");
      }
      std::size_t sent = 0;
      std::size_t received = 0;
      VhostLab::wait_until([&] {
        sent += lab.take("green-1").size();
        received += vhost.guest->take().size();
        return sent == kAtOnce && received == kAtOnce;
      });
      ASSERT_FALSE(HasFatalFailure());
    }
  }
  EXPECT_TRUE(lab.all_drops().empty());
  EXPECT_EQ(lab.buffers_in_use(), buffers);
}

TEST(Vhost, AWorkerWhosePortsAreGuestsRestsOnlyWhenTheyAreGone) {
  VhostLab vhost("vhost-user-server", two_workers());
  vhost.connect();
  PipelineLab& lab = *vhost.lab;
  PortManager& ports = lab.dataplane().ports();
  for (const char* id : {"ring:up", "green-1", "green-3", "red-1"}) {
    ASSERT_EQ(ports.move(id, 0), "");
  }
  ASSERT_EQ(ports.move("vm-1", 1), "");
  const WorkerCounters& counters = lab.dataplane().workers()[1]->counters();
  const std::uint64_t before = counters.graph_walks.read();
  const RunningWorker running(*lab.dataplane().workers()[1]);
  VhostLab::wait_until([&] { return counters.graph_walks.read() > before + 1000; });
  EXPECT_EQ(counters.sleeps.read(), 0U);
  ASSERT_EQ(ports.move("vm-1", 0), "");
  VhostLab::wait_until([&] { return counters.sleeps.read() > 0; });
}

// ---- several pairs of rings

Bytes numbered_flow(const Station& from, const Station& to, std::uint16_t number) {
  return packet()
      .ethernet({.source = from.mac, .destination = to.mac})
      .ipv4({.source = from.ip, .destination = to.ip})
      .udp({.source_port = number, .destination_port = 5678})
      .payload(Bytes(32, 0x5a))
      .build();
}

void wait_for_queues(VhostLab& vhost, std::size_t queues) {
  VhostLab::wait_until([&] {
    vhost.lab->walk();
    return vhost.view().workers.size() == queues;
  });
}

TEST(Vhost, RingsOfAGuestAreSpreadOverWorkers) {
  VhostLab vhost("vhost-user-server", two_workers());
  vhost.connect({.queues = 2});
  wait_for_queues(vhost, 2);
  PipelineLab& lab = *vhost.lab;
  PortManager& ports = lab.dataplane().ports();
  const auto shown = view_vhost(vhost.view().port->device.ethdev);
  ASSERT_TRUE(shown);
  EXPECT_TRUE(shown->is_connected);
  EXPECT_EQ(shown->rings_to_guest, 2);
  EXPECT_EQ(shown->rings_from_guest, 2);
  EXPECT_TRUE(shown->offloads.merges_buffers);
  EXPECT_FALSE(shown->offloads.large_v4);
  EXPECT_FALSE(view_vhost(vhost.view("green-1").port->device.ethdev));
  const auto workers = vhost.view().workers;
  EXPECT_EQ(std::set<unsigned>(workers.begin(), workers.end()).size(), 2U);
  const Bytes out = udp_frame(kMachine, kGreen1.mac, kGreen1.ip);
  const Bytes in = udp_frame(kGreen1, kMachine.mac, kMachine.ip);
  for (const std::uint16_t queue : {std::uint16_t{0}, std::uint16_t{1}}) {
    ASSERT_TRUE(vhost.guest->send(Frames(4, out), {}, queue));
    vhost.walk();
    EXPECT_EQ(lab.take("green-1"), Frames(4, out));
    EXPECT_EQ(vhost.view().port->counters[workers[queue]].rx_packets.read(), 4U);
  }
  for (const unsigned worker : {0U, 1U}) {
    ASSERT_EQ(ports.move("green-1", worker), "");
    lab.send("green-1", Frames(3, in));
    EXPECT_EQ(vhost.guest->take(static_cast<std::uint16_t>(worker)), Frames(3, in));
    EXPECT_EQ(vhost.view().port->counters[worker].tx_packets.read(), 3U);
    EXPECT_EQ(vhost.view().port->counters[worker].tx_bytes.read(), 3 * in.size());
  }
  EXPECT_EQ(ports.move("vm-1", workers[0], 1), "");
  EXPECT_EQ(vhost.view().workers, (std::vector<unsigned>{workers[0], workers[0]}));
  ASSERT_TRUE(vhost.guest->send(Frames(4, out), {}, 1));
  vhost.walk();
  EXPECT_EQ(lab.take("green-1"), Frames(4, out));
  EXPECT_TRUE(lab.all_drops().empty());

  vhost.guest.reset();
  vhost.wait_for(PortAttachState::kWaiting);
  EXPECT_FALSE(view_vhost(vhost.view().port->device.ethdev)->is_connected);
  vhost.connect({.queues = 1});
  wait_for_queues(vhost, 1);
  ASSERT_TRUE(vhost.guest->send(Frames{out}));
  vhost.walk();
  EXPECT_EQ(lab.take("green-1"), Frames{out});
}

TEST(Vhost, AGuestWithMoreRingsThanWorkersHasAllOfThemServed) {
  constexpr std::uint16_t kQueues = 4;
  VhostLab vhost;
  vhost.connect({.queues = kQueues});
  PipelineLab& lab = *vhost.lab;
  const Bytes out = udp_frame(kMachine, kGreen1.mac, kGreen1.ip);
  for (std::uint16_t queue = 0; queue < kQueues; ++queue) {
    ASSERT_TRUE(vhost.guest->send(Frames(40, out), {}, queue));
    Frames received;
    VhostLab::wait_until([&] {
      vhost.walk();
      const Frames more = lab.take("green-1");
      received.insert(received.end(), more.begin(), more.end());
      return received.size() == 40;
    });
  }
  EXPECT_EQ(vhost.view().workers.size(), 1U);

  // What the guest gets is spread by flow, and a flow stays on its ring, in order.
  constexpr std::uint16_t kFlows = 64;
  Frames flows;
  for (std::uint16_t flow = 0; flow < kFlows; ++flow) {
    flows.push_back(numbered_flow(kGreen1, kMachine, flow));
  }
  std::map<Bytes, std::uint16_t> ring_of;
  for (const int time : {1, 2, 3}) {
    SCOPED_TRACE(time);
    lab.send("green-1", flows);
    std::size_t received = 0;
    for (std::uint16_t queue = 0; queue < kQueues; ++queue) {
      const Frames frames = vhost.guest->take(queue);
      EXPECT_GE(frames.size(), 4U) << queue;
      EXPECT_TRUE(std::is_sorted(frames.begin(), frames.end()));
      for (const Bytes& frame : frames) {
        EXPECT_EQ(ring_of.try_emplace(frame, queue).first->second, queue);
      }
      received += frames.size();
    }
    EXPECT_EQ(received, kFlows);
  }
  // A full ring of four loses its own flows' packets alone.
  for (int time = 0; time < 40; ++time) {
    lab.send("green-1", Frames(8, flows[0]));
  }
  EXPECT_GT(lab.drops("green-1", DropReason::egress_queue_full), 0U);
  lab.send("green-1", flows);
  const std::uint16_t full = ring_of.at(flows[0]);
  for (std::uint16_t queue = 0; queue < kQueues; ++queue) {
    const Frames frames = vhost.guest->take(queue);
    EXPECT_EQ(std::find(frames.begin(), frames.end(), flows[0]) != frames.end(), queue == full);
    const auto own = static_cast<std::size_t>(std::count_if(
        ring_of.begin(), ring_of.end(), [&](const auto& entry) { return entry.second == queue; }));
    EXPECT_TRUE(queue == full || frames.size() == own);
  }
}

TEST(Vhost, RingsMoveBetweenWorkersWhileTheirGuestTalks) {
  VhostLab vhost("vhost-user-server", two_workers());
  vhost.connect({.queues = 3});
  wait_for_queues(vhost, 2);
  PipelineLab& lab = *vhost.lab;
  PortManager& ports = lab.dataplane().ports();
  const std::uint64_t buffers = lab.buffers_in_use();
  {
    const RunningWorker first(*lab.dataplane().workers()[0]);
    const RunningWorker second(*lab.dataplane().workers()[1]);
    const Bytes out = udp_frame(kMachine, kGreen1.mac, kGreen1.ip);
    const Bytes in = udp_frame(kGreen1, kMachine.mac, kMachine.ip);
    constexpr std::size_t kAtOnce = 8;
    for (std::uint16_t round = 0; round < 50; ++round) {
      SCOPED_TRACE(round);
      for (std::uint16_t queue = 0; queue < 3; ++queue) {
        ASSERT_TRUE(vhost.guest->send(Frames(kAtOnce, out), {}, queue));
        lab.enqueue("green-1", Frames(kAtOnce, in));
      }
      if (round % 5 == 4) {
        EXPECT_EQ(ports.set_active(1, false), "");
        EXPECT_EQ(ports.set_active(1, true), "");
      } else {
        EXPECT_EQ(ports.move("vm-1", round % 2, static_cast<std::uint16_t>(round / 2 % 2)), "");
      }
      std::size_t sent = 0;
      std::size_t received = 0;
      VhostLab::wait_until([&] {
        sent += lab.take("green-1").size();
        received += vhost.guest->take().size();
        return sent == 3 * kAtOnce && received == 3 * kAtOnce;
      });
      ASSERT_FALSE(HasFatalFailure());
    }
  }
  EXPECT_TRUE(lab.all_drops().empty());
  EXPECT_EQ(lab.buffers_in_use(), buffers);
}

}  // namespace
}  // namespace alkaid::test

// The linker puts this in the library's place (tests/pipeline/meson.build).
extern "C" {
std::uint16_t __real_rte_vhost_dequeue_burst(int device, std::uint16_t ring, rte_mempool* pool,
                                             rte_mbuf** packets, std::uint16_t count);

std::uint16_t __wrap_rte_vhost_dequeue_burst(int device, std::uint16_t ring, rte_mempool* pool,
                                             rte_mbuf** packets, std::uint16_t count) {
  ++alkaid::test::looks;
  return __real_rte_vhost_dequeue_burst(device, ring, pool, packets, count);
}
}
