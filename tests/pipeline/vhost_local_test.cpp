// What one virtual machine leaves to its device, for another one's driver on the same host.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "dataplane/vhost/large_tcp_packet.hpp"
#include "dataplane/vhost/merged_segments.hpp"
#include "tests/pipeline/buffer_chain.hpp"
#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"
#include "tests/pipeline/ipv6_network.hpp"
#include "tests/pipeline/vhost_lab.hpp"

namespace alkaid::test {
namespace {

using namespace net;

struct Guest {
  MacAddress mac;
  Ipv4Address ip;
  IpAddress ip6;
};

constexpr Guest kFirst{kMachine.mac, kMachine.ip, green_v6(0x1f)};
constexpr Guest kOther{MacAddress::from_number(0x020000010020), Ipv4Address{0x0a010020},
                       green_v6(0x20)};
constexpr std::uint8_t kReduced = 0x80;
constexpr std::uint16_t kSegment = 1300;

Bytes numbered(std::size_t size) {
  Bytes data(size);
  for (std::size_t i = 0; i < size; ++i) {
    data[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
  }
  return data;
}

std::uint16_t word_at(const Bytes& frame, std::size_t offset) {
  return static_cast<std::uint16_t>(frame.at(offset) << 8 | frame.at(offset + 1));
}

// "vm-1", which leaves checksums and segments to its device, and "vm-2" beside it; by IPv4 or 6.
class LocalGuests : public ::testing::TestWithParam<bool> {
 protected:
  LocalGuests() { program_ipv6(*vhost_.lab); }
  ~LocalGuests() override { other_.reset(); }

  void start(VirtioGuest::Settings settings) {
    auto first = vhost_.port();
    first.fixed_ips.push_back(kFirst.ip6);
    EXPECT_FALSE(vhost_.lab->programmer().set(first));
    auto second = vhost_.port("vm-2");
    second.mac = kOther.mac;
    second.fixed_ips = {IpAddress{kOther.ip}, kOther.ip6};
    second.attachment = "vhost-user-server:" + path();
    EXPECT_FALSE(vhost_.lab->programmer().set(second));
    vhost_.connect({.leaves_work = true});
    connect_other(settings);
  }
  void connect_other(VirtioGuest::Settings settings) {
    settings.path = path();
    other_.emplace(settings);
    vhost_.wait_for(PortAttachState::kAttached, "vm-2");
  }

  [[nodiscard]] std::string path() const { return vhost_.path() + "-2"; }
  [[nodiscard]] static bool is_v6() { return GetParam(); }
  [[nodiscard]] static std::size_t l4_offset() { return is_v6() ? 54 : 34; }
  [[nodiscard]] static std::size_t headers() { return l4_offset() + 20; }
  // Whether packets are handed on as they were left; the slow path always does it.
  bool is_fast() { return vhost_.lab->dataplane().flows().settings.fast_path; }

  static Bytes tcp(const Guest& from, const Guest& to, const Bytes& payload,
                   const TcpFields& fields = {.flags = TcpFields::kAck}) {
    const auto ethernet = packet().ethernet({.source = from.mac, .destination = to.mac});
    return is_v6() ? ethernet.ipv6({.source = from.ip6, .destination = to.ip6})
                         .tcp(fields)
                         .payload(payload)
                         .build()
                   : ethernet.ipv4({.source = from.ip, .destination = to.ip})
                         .tcp(fields)
                         .payload(payload)
                         .build();
  }
  // Folded, not inverted (RFC 9293, 3.1), with the length of TCP.
  static std::uint16_t pseudo_header_sum(const Bytes& frame, std::uint8_t protocol) {
    std::uint32_t sum = protocol + static_cast<std::uint32_t>(frame.size() - l4_offset());
    for (std::size_t i = is_v6() ? 22 : 26; i < l4_offset(); i += 2) {
      sum += word_at(frame, i);
    }
    while (sum > 0xffff) {
      sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<std::uint16_t>(sum);
  }
  // Both directions of the connection of tcp() are known then.
  void establish() {
    ASSERT_TRUE(vhost_.guest->send(Frames{tcp(kFirst, kOther, Bytes(8, 1))}));
    vhost_.walk();
    TcpFields answer{.source_port = 2000, .destination_port = 1000, .flags = TcpFields::kAck};
    ASSERT_TRUE(other_->send(Frames{tcp(kOther, kFirst, Bytes(8, 1), answer)}));
    vhost_.walk();
    ASSERT_TRUE(vhost_.guest->send(Frames{tcp(kFirst, kOther, Bytes(8, 1))}));
    vhost_.walk();
    ASSERT_EQ(other_->take().size(), 2U);
    ASSERT_EQ(vhost_.guest->take().size(), 1U);
  }
  std::vector<TakenFrame> exchange(const Bytes& frame, std::uint16_t segment = kSegment) {
    EXPECT_TRUE(vhost_.guest->send(Frames{frame}, {.segment_size = segment}));
    vhost_.walk();
    return other_->take_marked();
  }
  // Segments of what tcp() builds with this payload.
  static Frames cut(const Bytes& payload, TcpFields fields = {.flags = TcpFields::kAck},
                    const Guest& from = kFirst) {
    Frames frames;
    for (std::size_t offset = 0; offset < payload.size(); offset += kSegment) {
      const auto first = payload.begin() + static_cast<std::ptrdiff_t>(offset);
      const std::size_t size = std::min<std::size_t>(kSegment, payload.size() - offset);
      TcpFields segment = fields;
      segment.sequence += static_cast<std::uint32_t>(offset);
      frames.push_back(
          tcp(from, kOther, Bytes(first, first + static_cast<std::ptrdiff_t>(size)), segment));
      if (!is_v6()) {
        // Identification, and the checksum that follows from it.
        Bytes& frame = frames.back();
        const auto number = static_cast<std::uint16_t>(offset / kSegment);
        frame[18] = static_cast<std::uint8_t>(number >> 8);
        frame[19] = static_cast<std::uint8_t>(number);
        frame[24] = frame[25] = 0;
        const std::uint16_t sum =
            naive_checksum(std::span<const std::uint8_t>{frame}.subspan(14, 20));
        frame[24] = static_cast<std::uint8_t>(sum >> 8);
        frame[25] = static_cast<std::uint8_t>(sum);
      }
      fields.flags &= static_cast<std::uint8_t>(~kReduced);
    }
    return frames;
  }
  // What has come, large packets cut again: they may have been put together out of segments.
  Frames frames_of(const std::vector<TakenFrame>& taken) {
    Frames frames;
    for (const TakenFrame& one : taken) {
      EXPECT_EQ(one.is_checksum_left, one.segment_size != 0);
      if (one.segment_size == 0) {
        frames.push_back(one.frame);
        continue;
      }
      rte_mempool* pool = vhost_.lab->dataplane().pool();
      rte_mbuf* packet = chain_of(one.frame, pool, 2048);
      const auto large = LargeTcpPacket::parse(packet, one.segment_size);
      EXPECT_TRUE(large);
      for (std::uint32_t i = 0; large && i < large->segments(); ++i) {
        rte_mbuf* segment = large->segment(i, pool);
        frames.push_back(bytes_of_chain(segment));
        rte_pktmbuf_free(segment);
      }
      rte_pktmbuf_free(packet);
    }
    return frames;
  }
  std::uint64_t counter(const std::string& port, Counter PortCounters::*which) {
    return (vhost_.view(port).port->counters[0].*which).read();
  }

  VhostLab vhost_;
  std::optional<VirtioGuest> other_;
};

INSTANTIATE_TEST_SUITE_P(Families, LocalGuests, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "IPv6" : "IPv4"; });

TEST_P(LocalGuests, LargeTcpStaysWhole) {
  start({.takes_large = true});
  establish();
  const std::uint64_t buffers = vhost_.lab->buffers_in_use();
  const std::uint64_t packets = counter("vm-1", &PortCounters::rx_packets);
  const std::uint64_t bytes = counter("vm-1", &PortCounters::rx_bytes);
  const std::uint64_t sent_packets = counter("vm-2", &PortCounters::tx_packets);
  const std::uint64_t sent_bytes = counter("vm-2", &PortCounters::tx_bytes);
  const Bytes payload = numbered(20000);
  const Bytes large = tcp(kFirst, kOther, payload);
  const Frames segments = cut(payload);
  std::size_t segment_bytes = 0;
  for (const Bytes& segment : segments) {
    segment_bytes += segment.size();
  }
  for (const std::uint64_t time : {1, 2}) {
    SCOPED_TRACE(time);
    const auto taken = exchange(large);
    if (is_fast()) {
      ASSERT_EQ(taken.size(), 1U);
      Bytes expected = large;
      const std::uint16_t sum = pseudo_header_sum(large, 6);
      expected[l4_offset() + 16] = static_cast<std::uint8_t>(sum >> 8);
      expected[l4_offset() + 17] = static_cast<std::uint8_t>(sum);
      EXPECT_EQ(taken[0].frame, expected);
      EXPECT_TRUE(taken[0].is_checksum_left);
      EXPECT_EQ(taken[0].segment_size, kSegment);
    } else {
      EXPECT_EQ(frames_of(taken), segments);
    }
    // Whoever cuts them, segments are counted.
    EXPECT_EQ(counter("vm-1", &PortCounters::rx_packets), packets + time * segments.size());
    EXPECT_EQ(counter("vm-1", &PortCounters::rx_bytes), bytes + time * segment_bytes);
    EXPECT_EQ(counter("vm-2", &PortCounters::tx_packets), sent_packets + time * segments.size());
    EXPECT_EQ(counter("vm-2", &PortCounters::tx_bytes), sent_bytes + time * segment_bytes);
  }
  EXPECT_TRUE(vhost_.lab->all_drops().empty());
  EXPECT_EQ(vhost_.lab->buffers_in_use(), buffers);
}

// The limits of what we cut ourselves, and what one header can't say of all segments.
TEST_P(LocalGuests, LargeTcpThatNeedsACut) {
  start({.takes_large = true});
  establish();
  const Bytes payload = numbered(20000);
  const std::uint64_t buffers = vhost_.lab->buffers_in_use();
  const TcpFields reduced{.flags = TcpFields::kAck | kReduced};
  EXPECT_EQ(frames_of(exchange(tcp(kFirst, kOther, payload, reduced))), cut(payload, reduced));
  // Something behind the IP packet.
  Bytes padded = tcp(kFirst, kOther, payload);
  padded.resize(padded.size() + 7, 0xee);
  EXPECT_EQ(frames_of(exchange(padded)), cut(payload));
  // A whole segment that says so fits, as does one of two.
  const auto small = exchange(tcp(kFirst, kOther, numbered(kSegment)));
  ASSERT_EQ(small.size(), 1U);
  EXPECT_EQ(small[0].is_checksum_left, is_fast());
  // FIN isn't the fast path's.
  const TcpFields last{.flags = TcpFields::kAck | TcpFields::kFin};
  EXPECT_EQ(frames_of(exchange(tcp(kFirst, kOther, payload, last))).size(), cut(payload).size());
  EXPECT_TRUE(vhost_.lab->all_drops().empty());
  EXPECT_EQ(vhost_.lab->buffers_in_use(), buffers);
}

TEST_P(LocalGuests, LargeTcpThatNobodyTakes) {
  start({.takes_large = true});
  establish();
  const std::uint64_t buffers = vhost_.lab->buffers_in_use();
  const Bytes large = tcp(kFirst, kOther, numbered(20000));
  // Crumbs; and segments beyond the MTU of the port.
  EXPECT_TRUE(exchange(large, 8).empty());
  EXPECT_EQ(exchange(large, 1480).size(), 1U) << "the last, which is small";
  // UDP that says it is TCP.
  Bytes udp = large;
  (is_v6() ? udp[20] : udp[23]) = 17;
  EXPECT_TRUE(exchange(udp).empty());
  // Of a header that doesn't end.
  Bytes endless = large;
  endless[l4_offset() + 12] = 0x40;
  EXPECT_TRUE(exchange(endless).empty());
  EXPECT_EQ(vhost_.lab->buffers_in_use(), buffers);
  EXPECT_FALSE(vhost_.lab->all_drops().empty());
}

TEST_P(LocalGuests, WhoDoesNotTakeLargeTcpGetsSegments) {
  start({.takes_checksums = true});
  establish();
  const Bytes payload = numbered(20000);
  EXPECT_EQ(frames_of(exchange(tcp(kFirst, kOther, payload))), cut(payload));
  EXPECT_TRUE(vhost_.lab->all_drops().empty());
}

// A driver that takes less than the one before it, known at once or not.
TEST_P(LocalGuests, AnotherDriverTakesLess) {
  start({.takes_large = true});
  establish();
  const Bytes payload = numbered(20000);
  EXPECT_EQ(frames_of(exchange(tcp(kFirst, kOther, payload))), cut(payload));
  other_.reset();
  vhost_.wait_for(PortAttachState::kWaiting, "vm-2");
  connect_other({});
  EXPECT_EQ(frames_of(exchange(tcp(kFirst, kOther, payload))), cut(payload));
  EXPECT_EQ(frames_of(exchange(tcp(kFirst, kOther, payload))), cut(payload));
  EXPECT_TRUE(vhost_.lab->all_drops().empty());
}

TEST_P(LocalGuests, ANewConnectionsLargeTcpIsCut) {
  start({.takes_large = true});
  const Bytes payload = numbered(20000);
  EXPECT_EQ(frames_of(exchange(tcp(kFirst, kOther, payload))), cut(payload));
  EXPECT_TRUE(vhost_.lab->all_drops().empty());
}

TEST_P(LocalGuests, OrderIsKept) {
  start({.takes_large = true});
  establish();
  const Bytes payload = numbered(20000);
  const TcpFields reduced{.flags = TcpFields::kAck | kReduced};
  const Bytes tail =
      tcp(kFirst, kOther, numbered(10), {.sequence = 20001, .flags = TcpFields::kAck});
  // One that is cut, one that stays whole and one that is small, in one burst.
  ASSERT_TRUE(vhost_.guest->send(
      Frames{tcp(kFirst, kOther, payload, reduced), tcp(kFirst, kOther, payload)},
      {.segment_size = kSegment}));
  ASSERT_TRUE(vhost_.guest->send(Frames{tail}));
  vhost_.walk();
  const auto taken = other_->take_marked();
  EXPECT_EQ(taken.back().frame, tail);
  Frames expected = cut(payload, reduced);
  const Frames second = cut(payload);
  expected.insert(expected.end(), second.begin(), second.end());
  expected.push_back(tail);
  EXPECT_EQ(frames_of(taken), expected);
}

TEST_P(LocalGuests, SegmentsFromTheWireAreMerged) {
  for (const bool merges : {true, false}) {
    SCOPED_TRACE(merges);
    other_.reset();
    start({.takes_large = true, .merges_buffers = merges});
    const Guest peer{kGreen2.mac, kGreen2.ip, kGreen2v6.ip};
    const std::uint64_t buffers = vhost_.lab->buffers_in_use();
    const std::uint64_t packets = counter("vm-2", &PortCounters::tx_packets);
    const std::uint64_t bytes = counter("vm-2", &PortCounters::tx_bytes);
    const std::uint16_t device = vhost_.view("vm-2").port->device.ethdev;
    const auto [segments, large] = merged_segments(device);
    const Bytes payload = numbered(10 * kSegment);
    Frames tunneled;
    std::size_t size = 0;
    for (const Bytes& segment : cut(payload, {.flags = TcpFields::kAck}, peer)) {
      tunneled.push_back(tunnelled(segment, uplink_mac(*vhost_.lab)));
      size += segment.size();
    }
    for (const std::uint64_t time : {1, 2}) {
      vhost_.lab->send("up", tunneled);
      const auto taken = other_->take_marked();
      ASSERT_EQ(taken.size(), merges ? 1U : 10U);
      EXPECT_EQ(taken.front().segment_size, merges ? kSegment : 0);
      EXPECT_EQ(taken.front().is_checksum_left, merges);
      EXPECT_EQ(taken.front().frame.size(), headers() + (merges ? payload.size() : kSegment));
      EXPECT_EQ(counter("vm-2", &PortCounters::tx_packets), packets + time * 10);
      EXPECT_EQ(counter("vm-2", &PortCounters::tx_bytes), bytes + time * size);
      EXPECT_EQ(merged_segments(device).segments, segments + (merges ? time * 10 : 0));
      EXPECT_EQ(merged_segments(device).packets, large + (merges ? time : 0));
    }
    EXPECT_EQ(vhost_.lab->buffers_in_use(), buffers);
  }
  EXPECT_TRUE(vhost_.lab->all_drops().empty());
  // The next device of that number counts from zero.
  const std::uint16_t device = vhost_.view("vm-2").port->device.ethdev;
  EXPECT_GT(merged_segments(device).segments, 0U);
  other_.reset();
  vhost_.lab->programmer().remove_port("vm-2");
  VhostLab::wait_until([&] {
    vhost_.lab->walk();
    return merged_segments(device).segments == 0;
  });
}

TEST_P(LocalGuests, ChecksumsStayLeftForThoseWhoTakeThem) {
  for (const bool takes : {true, false}) {
    SCOPED_TRACE(takes);
    other_.reset();
    start({.takes_checksums = takes});
    const auto udp = [](const Guest& from, const Guest& to) {
      const auto ethernet = packet().ethernet({.source = from.mac, .destination = to.mac});
      const UdpFields fields{.source_port = 1234, .destination_port = 5678};
      return is_v6() ? ethernet.ipv6({.source = from.ip6, .destination = to.ip6})
                           .udp(fields)
                           .payload(Bytes(32, 0x5a))
                           .build()
                     : ethernet.ipv4({.source = from.ip, .destination = to.ip})
                           .udp(fields)
                           .payload(Bytes(32, 0x5a))
                           .build();
    };
    const auto left = [&](Bytes frame) {
      const std::uint16_t sum = pseudo_header_sum(frame, 17);
      frame[l4_offset() + 6] = static_cast<std::uint8_t>(sum >> 8);
      frame[l4_offset() + 7] = static_cast<std::uint8_t>(sum);
      return frame;
    };
    const Bytes whole = udp(kFirst, kOther);
    const Bytes here = udp(kFirst, {kGreen1.mac, kGreen1.ip, kGreen1v6.ip});
    const Bytes out = udp(kFirst, {kGreen2.mac, kGreen2.ip, kGreen2v6.ip});
    const Bytes answer = udp(kOther, kFirst);
    for (const int time : {1, 2, 3}) {
      SCOPED_TRACE(time);
      ASSERT_TRUE(
          vhost_.guest->send(Frames{left(whole), left(here), left(out)}, {.udp_checksum = true}));
      vhost_.walk();
      // To whoever is no virtio driver they are whole.
      EXPECT_EQ(vhost_.lab->take("green-1"), Frames{here});
      EXPECT_EQ(vhost_.take_from_wire(), Frames{out});
      const auto taken = other_->take_marked();
      ASSERT_EQ(taken.size(), 1U);
      const bool is_left = is_fast() && takes && taken[0].is_checksum_left;
      EXPECT_EQ(taken[0].is_checksum_left, is_left);
      EXPECT_TRUE(is_left || time == 1 || !takes || !is_fast());
      EXPECT_EQ(taken[0].frame, is_left ? left(whole) : whole);
      // What the field says isn't asked, and those that are not left come as they are.
      ASSERT_TRUE(other_->send(Frames{answer}));
      vhost_.walk();
      EXPECT_EQ(vhost_.guest->take(), Frames{answer});
    }
  }
  EXPECT_TRUE(vhost_.lab->all_drops().empty());
}

}  // namespace
}  // namespace alkaid::test
