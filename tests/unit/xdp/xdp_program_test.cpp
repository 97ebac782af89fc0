// The XDP program in the kernel, run on single frames; skipped where the kernel doesn't let us load
// it (needs root). No device: what is ours finds no socket, and passes.
#include "dataplane/xdp/xdp_program.hpp"

#include <linux/bpf.h>

#include <functional>

#include <gtest/gtest.h>

#include "tests/support/packet_builder.hpp"

namespace alkaid::test {
namespace {

const Ipv4Address kVtep{0x0a000001};
const Ipv4Address kOther{0x0a000002};
const IpAddress kVtepV6 = IpAddress::from_numbers(0x20010db800000000, 0xffee0001);
const IpAddress kOtherV6 = IpAddress::from_numbers(0x20010db800000000, 0xffee0002);
constexpr std::uint16_t kVxlan = 4789;

const UplinkFilter kFilter{.vtep_v4 = kVtep, .vtep_v6 = kVtepV6, .vxlan_port = kVxlan, .vlan = 0};

std::unique_ptr<XdpProgram> load(const std::optional<UplinkFilter>& filter) {
  std::string error;
  auto program = XdpProgram::load(filter, error);
  if (!program) {
    std::fprintf(stderr, "%s\n", error.c_str());
  }
  return program;
}

// What one frame is counted as, besides kXdpNoSocket.
std::optional<XdpVerdict> verdict_of(const XdpProgram& program, const Bytes& frame) {
  const XdpVerdicts before = program.verdicts();
  const std::optional<std::uint32_t> action = program.run_on(frame);
  const XdpVerdicts after = program.verdicts();
  // There are no sockets: a guest's frame must not pass, all others do.
  const bool is_guest = after[kXdpGuest] != before[kXdpGuest];
  if (action != (is_guest ? XDP_DROP : XDP_PASS)) {
    return std::nullopt;
  }
  std::optional<XdpVerdict> found;
  for (std::uint32_t i = 0; i < kXdpNoSocket; ++i) {
    if (after[i] != before[i]) {
      EXPECT_FALSE(found);
      EXPECT_EQ(after[i], before[i] + 1);
      found = static_cast<XdpVerdict>(i);
    }
  }
  EXPECT_TRUE(found);
  const bool is_ours = found <= kXdpNeighborDiscovery;
  EXPECT_EQ(after[kXdpNoSocket], before[kXdpNoSocket] + (is_ours ? 1 : 0));
  return found;
}

Bytes icmpv6_neighbor(std::uint8_t type, const IpAddress& destination, const IpAddress& target) {
  return packet()
      .ethernet()
      .ipv6({.destination = destination, .hop_limit = 255})
      .icmpv6({.type = type})
      .payload(target.bytes())
      .build();
}

struct Case {
  const char* name;
  XdpVerdict verdict;
  std::function<Bytes()> frame;
};

void PrintTo(const Case& test_case, std::ostream* stream) {
  *stream << test_case.name;
}

class XdpProgramCase : public ::testing::TestWithParam<Case> {};

TEST_P(XdpProgramCase, IsCountedAs) {
  const auto program = load(kFilter);
  if (!program) {
    GTEST_SKIP() << "no right to load a BPF program";
  }
  EXPECT_EQ(verdict_of(*program, GetParam().frame()), GetParam().verdict);
}

const auto kToVtep = [](UdpFields udp) {
  return packet().ethernet().ipv4({.destination = kVtep}).udp(udp).payload_of_size(60).build();
};
const auto kToVtepV6 = [](UdpFields udp) {
  return packet().ethernet().ipv6({.destination = kVtepV6}).udp(udp).payload_of_size(60).build();
};
const auto kFragment = [](Ipv4Fields fields) {
  fields.destination = kVtep;
  return packet()
      .ethernet()
      .ipv4(fields)
      .udp({.destination_port = kVxlan})
      .payload_of_size(64)
      .build();
};

INSTANTIATE_TEST_SUITE_P(
    Frames, XdpProgramCase,
    ::testing::Values(
        Case{"vxlan", kXdpVxlan, [] { return kToVtep({.destination_port = kVxlan}); }},
        Case{"vxlan_behind_options", kXdpVxlan,
             [] {
               return packet()
                   .ethernet()
                   .ipv4({.destination = kVtep, .options = Bytes(8, 1)})
                   .udp({.destination_port = kVxlan})
                   .payload_of_size(60)
                   .build();
             }},
        Case{"vxlan_v6", kXdpVxlan, [] { return kToVtepV6({.destination_port = kVxlan}); }},
        Case{"vxlan_without_header", kXdpVxlan,
             [] {
               return packet()
                   .ethernet()
                   .ipv4({.destination = kVtep})
                   .udp({.destination_port = kVxlan})
                   .build();
             }},
        Case{"from_port_vxlan", kXdpOther,
             [] { return kToVtep({.source_port = kVxlan, .destination_port = 53}); }},
        Case{"other_port_v6", kXdpOther, [] { return kToVtepV6({.destination_port = 53}); }},
        Case{"tcp", kXdpOther,
             [] {
               return packet()
                   .ethernet()
                   .ipv4({.destination = kVtep})
                   .tcp({.destination_port = kVxlan})
                   .build();
             }},
        Case{"echo", kXdpOther,
             [] { return packet().ethernet().ipv4({.destination = kVtep}).icmp().build(); }},
        Case{"other_vtep", kXdpOtherEndpoint,
             [] {
               return packet()
                   .ethernet()
                   .ipv4({.destination = kOther})
                   .udp({.destination_port = kVxlan})
                   .payload_of_size(60)
                   .build();
             }},
        Case{"other_vtep_v6", kXdpOtherEndpoint,
             [] {
               return packet()
                   .ethernet()
                   .ipv6({.destination = kOtherV6})
                   .udp({.destination_port = kVxlan})
                   .payload_of_size(60)
                   .build();
             }},
        Case{"first_fragment", kXdpFragment, [] { return kFragment({.more_fragments = true}); }},
        Case{"later_fragment", kXdpFragment, [] { return kFragment({.fragment_offset = 3}); }},
        Case{"dont_fragment", kXdpVxlan, [] { return kFragment({.dont_fragment = true}); }},
        Case{"fragment_v6", kXdpFragment,
             [] {
               return packet()
                   .ethernet()
                   .ipv6({.destination = kVtepV6})
                   .ipv6_fragment({.more_fragments = true})
                   .udp({.destination_port = kVxlan})
                   .payload_of_size(64)
                   .build();
             }},
        Case{"tagged", kXdpOtherVlan,
             [] {
               return packet()
                   .ethernet()
                   .vlan({.id = 5})
                   .ipv4({.destination = kVtep})
                   .udp({.destination_port = kVxlan})
                   .payload_of_size(60)
                   .build();
             }},
        Case{"arp_request", kXdpArp,
             [] { return packet().ethernet().arp({.target_ip = kVtep}).build(); }},
        Case{"arp_reply", kXdpArp,
             [] {
               return packet()
                   .ethernet()
                   .arp({.operation = ArpHeader::kReply, .target_ip = kVtep})
                   .build();
             }},
        Case{"arp_for_others", kXdpOther,
             [] {
               return packet().ethernet().arp({.sender_ip = kVtep, .target_ip = kOther}).build();
             }},
        Case{
            "arp_of_another_protocol", kXdpOther,
            [] {
              return packet().ethernet().arp({.target_ip = kVtep, .protocol_type = 0x1234}).build();
            }},
        Case{"solicitation", kXdpNeighborDiscovery,
             [] { return icmpv6_neighbor(135, kOtherV6, kVtepV6); }},
        Case{"advertisement", kXdpNeighborDiscovery,
             [] { return icmpv6_neighbor(136, kVtepV6, kOtherV6); }},
        Case{"solicitation_for_others", kXdpOther,
             [] { return icmpv6_neighbor(135, kVtepV6, kOtherV6); }},
        Case{"advertisement_to_others", kXdpOther,
             [] { return icmpv6_neighbor(136, kOtherV6, kVtepV6); }},
        Case{"echo_v6", kXdpOther, [] { return icmpv6_neighbor(128, kVtepV6, kVtepV6); }},
        Case{"another_ethertype", kXdpOther,
             [] { return packet().ethernet().payload_of_size(60).build(); }},
        Case{"not_version_4", kXdpMalformed, [] { return kFragment({.version = 5}); }},
        Case{"short_ihl", kXdpMalformed, [] { return kFragment({.ihl = std::uint8_t{4}}); }}),
    [](const auto& info) { return std::string{info.param.name}; });

// Cut anywhere, a frame is never taken for something that it is not, and the kernel gets what is
// too short to tell.
TEST(XdpProgram, CutFramesAreTheKernels) {
  const auto program = load(kFilter);
  if (!program) {
    GTEST_SKIP() << "no right to load a BPF program";
  }
  const Bytes v4 = kToVtep({.destination_port = kVxlan});
  const Bytes v6 = kToVtepV6({.destination_port = kVxlan});
  const Bytes arp = packet().ethernet().arp({.target_ip = kVtep}).build();
  const Bytes solicitation = icmpv6_neighbor(135, kOtherV6, kVtepV6);
  for (const auto& [whole, headers] : {std::pair{v4, 14 + 20 + 8},
                                       {v6, 14 + 40 + 8},
                                       {arp, 14 + 28},
                                       {solicitation, 14 + 40 + 24}}) {
    for (std::size_t length = 14; length <= whole.size(); ++length) {
      const auto verdict =
          verdict_of(*program, {whole.begin(), whole.begin() + static_cast<long>(length)});
      ASSERT_TRUE(verdict);
      EXPECT_EQ(*verdict <= kXdpNeighborDiscovery, length >= static_cast<std::size_t>(headers))
          << length;
    }
  }
}

TEST(XdpProgram, AVlanIsTheUplinks) {
  UplinkFilter filter = kFilter;
  filter.vlan = 5;
  const auto program = load(filter);
  if (!program) {
    GTEST_SKIP() << "no right to load a BPF program";
  }
  const auto tagged = [](VlanFields vlan) {
    return packet()
        .ethernet()
        .vlan(vlan)
        .ipv4({.destination = kVtep})
        .udp({.destination_port = kVxlan})
        .payload_of_size(60)
        .build();
  };
  EXPECT_EQ(verdict_of(*program, tagged({.id = 5})), kXdpVxlan);
  EXPECT_EQ(verdict_of(*program, tagged({.id = 5, .priority = 7})), kXdpVxlan);
  EXPECT_EQ(verdict_of(*program, tagged({.id = 6})), kXdpOtherVlan);
  EXPECT_EQ(verdict_of(*program, tagged({.id = 5, .tag_type = 0x88a8})), kXdpOtherVlan);
  EXPECT_EQ(verdict_of(*program, kToVtep({.destination_port = kVxlan})), kXdpOtherVlan);
  Bytes cut = tagged({.id = 5});
  cut.resize(16);
  EXPECT_EQ(verdict_of(*program, cut), kXdpMalformed);
}

// Addresses that we don't have are all zeros, which frames may have too.
TEST(XdpProgram, WithoutAnEndpointOfTheFamilyNothingIsOurs) {
  const auto program = load(UplinkFilter{.vxlan_port = kVxlan});
  if (!program) {
    GTEST_SKIP() << "no right to load a BPF program";
  }
  EXPECT_EQ(verdict_of(*program, packet()
                                     .ethernet()
                                     .ipv4({.destination = Ipv4Address{}})
                                     .udp({.destination_port = kVxlan})
                                     .payload_of_size(60)
                                     .build()),
            kXdpOtherEndpoint);
  EXPECT_EQ(verdict_of(*program, packet()
                                     .ethernet()
                                     .ipv6({.destination = IpAddress{}})
                                     .udp({.destination_port = kVxlan})
                                     .payload_of_size(60)
                                     .build()),
            kXdpOtherEndpoint);
  EXPECT_EQ(verdict_of(*program, packet().ethernet().arp({.target_ip = Ipv4Address{}}).build()),
            kXdpOther);
  EXPECT_EQ(verdict_of(*program, icmpv6_neighbor(135, kOtherV6, IpAddress{})), kXdpOther);
}

TEST(XdpProgram, AllOfAGuestsFramesAreOurs) {
  const auto program = load(std::nullopt);
  if (!program) {
    GTEST_SKIP() << "no right to load a BPF program";
  }
  EXPECT_EQ(verdict_of(*program, packet().ethernet().payload_of_size(60).build()), kXdpGuest);
  EXPECT_EQ(verdict_of(*program, packet().ethernet().vlan({.id = 5}).payload_of_size(60).build()),
            kXdpGuest);
}

TEST(XdpProgram, NoDeviceNoProgram) {
  const auto program = load(kFilter);
  if (!program) {
    GTEST_SKIP() << "no right to load a BPF program";
  }
  std::string error;
  EXPECT_FALSE(program->attach(0x7ffffff0, XdpMode::kAutomatic, error));
  EXPECT_FALSE(error.empty());
}

}  // namespace
}  // namespace alkaid::test
