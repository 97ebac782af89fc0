// What the fast path's parser takes, the slow path's takes too and finds the same in it.
#include "dataplane/flow/quick_parse.hpp"

#include <random>

#include <gtest/gtest.h>

#include "dataplane/packet/parse.hpp"
#include "tests/support/packet_builder.hpp"

namespace alkaid::test {
namespace {

std::vector<Bytes> seeds() {
  const auto v4 = packet().ethernet({.type = ether_type::kIpv4}).ipv4();
  const auto v6 = packet().ethernet({.type = ether_type::kIpv6}).ipv6();
  return {
      v4.udp().payload(Bytes(18)).build(),
      v4.tcp({.flags = TcpFields::kAck}).payload(Bytes(6)).build(),
      v6.udp().payload(Bytes(18)).build(),
      v6.tcp({.flags = TcpFields::kAck}).payload(Bytes(6)).build(),
  };
}

template <class Key>
void compare(const Bytes& frame, const Key& key, const FrameHeaders& headers) {
  EXPECT_EQ(key.ports, raw_ports(headers.source_port, headers.destination_port));
  EXPECT_EQ(protocol_of(key.scope), headers.protocol);
  EXPECT_FALSE(headers.is_fragment);
  EXPECT_EQ(headers.l3_offset, sizeof(EthernetHeader));
  EXPECT_GT(headers.l4_offset, headers.l3_offset);
  EXPECT_LE(headers.l3_end, frame.size());
}

// True if the fast parser took it.
bool check(const Bytes& frame, std::size_t contiguous) {
  const Bytes exact(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(contiguous));
  if (contiguous < sizeof(EthernetHeader)) {
    return false;
  }
  const FrameBytes bytes{exact.data(), contiguous, frame.size()};
  const std::uint16_t type = bytes.at<EthernetHeader>(0).type.host();
  FlowKeyV4 v4;
  FlowKeyV6 v6;
  const bool took_v4 = type == ether_type::kIpv4 && quick_parse(bytes, v4);
  const bool took_v6 = type == ether_type::kIpv6 && quick_parse(bytes, v6);
  if (!took_v4 && !took_v6) {
    return false;
  }
  FrameHeaders headers;
  const DropReason reason = parse_frame(exact, frame.size(), headers);
  // Sources that nobody may have never made a connection, so no key of theirs is found.
  if (reason == DropReason::source_ip_invalid || reason == DropReason::destination_ip_invalid ||
      reason == DropReason::source_mac_invalid) {
    return true;
  }
  EXPECT_EQ(reason, DropReason::kNone) << text_of(reason).name;
  if (took_v4) {
    compare(frame, v4, headers);
  } else {
    compare(frame, v6, headers);
  }
  return true;
}

TEST(QuickParse, TakesPlainTcpAndUdp) {
  for (const Bytes& frame : seeds()) {
    EXPECT_TRUE(check(frame, frame.size()));
  }
}

TEST(QuickParse, LeavesTcpThatChangesSomethingToTheSlowPath) {
  for (const unsigned flags : {0x02U, 0x12U, 0x11U, 0x14U, 0x04U, 0x00U, 0x01U, 0x08U}) {
    const auto frame =
        packet().ethernet().ipv4().tcp({.flags = static_cast<std::uint8_t>(flags)}).build();
    EXPECT_FALSE(check(frame, frame.size())) << flags;
  }
}

TEST(QuickParse, AgreesWithTheSlowParserOnDamagedFrames) {
  std::mt19937 random(11);
  int taken = 0;
  for (int i = 0; i < 400'000; ++i) {
    static const auto kSeeds = seeds();
    Bytes frame = kSeeds[random() % kSeeds.size()];
    const int changes = static_cast<int>(random() % 3);
    for (int change = 0; change < changes; ++change) {
      frame[12 + random() % (frame.size() - 12)] = static_cast<std::uint8_t>(random());
    }
    if (random() % 4 == 0) {
      frame.resize(random() % (frame.size() + 8));
    }
    const std::size_t contiguous = random() % 4 == 0 ? random() % (frame.size() + 1) : frame.size();
    taken += check(frame, contiguous) ? 1 : 0;
  }
  EXPECT_GT(taken, 50'000) << "or nothing was compared";
}

}  // namespace
}  // namespace alkaid::test
