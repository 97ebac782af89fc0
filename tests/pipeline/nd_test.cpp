// Neighbor discovery: of guests and from the wire.
#include <gtest/gtest.h>

#include "tests/pipeline/ipv6_network.hpp"

namespace alkaid::test {
namespace {

using namespace net;

constexpr Station6 kGateway{kGreenGateway6, kGreenGatewayMac};
constexpr Station6 kGatewayLinkLocal{kGreenGatewayLinkLocal, kGreenGatewayMac};
// What green-3 and green-2 make of their MACs.
constexpr Station6 kGreen3LinkLocal{IpAddress::from_numbers(0xfe80000000000000, 0x000000fffe01000d),
                                    kGreen3.mac};
constexpr Station6 kGreen2LinkLocal{IpAddress::from_numbers(0xfe80000000000000, 0x000000fffe01000c),
                                    kGreen2.mac};
constexpr Station6 kGreen1LinkLocal{IpAddress::from_numbers(0xfe80000000000000, 0x000000fffe01000b),
                                    kGreen1.mac};
constexpr std::uint32_t kOfRouter = kRouterFlag | kSolicitedFlag | kOverrideFlag;

class NeighborDiscovery : public ::testing::TestWithParam<Case> {};

TEST_P(NeighborDiscovery, Case) {
  run_case(GetParam());
}

Case guest_case(const char* name, const Bytes& in, Outputs out = {},
                std::map<std::string, std::uint64_t> drops = {}) {
  return ipv6_case(name, "green-1", in, std::move(out), std::move(drops));
}

Case answered(const char* name, const Bytes& in, const Bytes& answer) {
  return guest_case(name, in, {{"green-1", {answer}}});
}

Case malformed(const char* name, const NdFrame& frame) {
  return guest_case(name, nd_frame(frame), {}, {{"green-1 nd_malformed", 1}});
}

INSTANTIATE_TEST_SUITE_P(
    Solicitations, NeighborDiscovery,
    ::testing::Values(
        answered("gateway", solicitation(kGreen1v6, kGreenGateway6),
                 advertisement(kGateway, kGreen1v6, kOfRouter)),
        answered("gateway_link_local", solicitation(kGreen1LinkLocal, kGreenGatewayLinkLocal),
                 advertisement(kGatewayLinkLocal, kGreen1LinkLocal, kOfRouter)),
        answered("gateway_probed", unreachability_probe(kGreen1v6, kGateway),
                 advertisement(kGateway, kGreen1v6, kOfRouter)),
        answered("local_neighbor", solicitation(kGreen1v6, kGreen3v6.ip),
                 advertisement(kGreen3v6, kGreen1v6)),
        answered("remote_neighbor", solicitation(kGreen1v6, kGreen2v6.ip),
                 advertisement(kGreen2v6, kGreen1v6)),
        answered("remote_neighbor_probed", unreachability_probe(kGreen1v6, kGreen2v6),
                 advertisement(kGreen2v6, kGreen1v6)),
        answered("link_local_of_a_local_mac", solicitation(kGreen1LinkLocal, kGreen3LinkLocal.ip),
                 advertisement(kGreen3LinkLocal, kGreen1LinkLocal)),
        answered("link_local_of_a_remote_mac", solicitation(kGreen1LinkLocal, kGreen2LinkLocal.ip),
                 advertisement(kGreen2LinkLocal, kGreen1LinkLocal)),
        guest_case("unknown", solicitation(kGreen1v6, green_v6(0xfe)), {},
                   {{"green-1 nd_target_unknown", 1}}),
        guest_case("other_subnet", solicitation(kGreen1v6, kRed1v6.ip), {},
                   {{"green-1 nd_target_unknown", 1}}),
        guest_case("unknown_link_local",
                   solicitation(kGreen1v6, *IpAddress::parse("fe80::1234:ff:fe00:99")), {},
                   {{"green-1 nd_target_unknown", 1}})),
    name_of_case);

// RFC 4862, 5.4.
INSTANTIATE_TEST_SUITE_P(
    Duplicates, NeighborDiscovery,
    ::testing::Values(
        guest_case("own_address", duplicate_probe(kGreen1.mac, kGreen1v6.ip)),
        guest_case("own_link_local", duplicate_probe(kGreen1.mac, kGreen1LinkLocal.ip)),
        guest_case("free_address", duplicate_probe(kGreen1.mac, green_v6(0xfe))),
        answered("local_neighbors", duplicate_probe(kGreen1.mac, kGreen3v6.ip),
                 advertisement(kGreen3v6, kAllNodesStation, kOverrideFlag)),
        answered("remote_neighbors", duplicate_probe(kGreen1.mac, kGreen2v6.ip),
                 advertisement(kGreen2v6, kAllNodesStation, kOverrideFlag)),
        answered("gateways", duplicate_probe(kGreen1.mac, kGreenGateway6),
                 advertisement(kGateway, kAllNodesStation, kRouterFlag | kOverrideFlag)),
        answered("gateways_link_local", duplicate_probe(kGreen1.mac, kGreenGatewayLinkLocal),
                 advertisement(kGatewayLinkLocal, kAllNodesStation, kRouterFlag | kOverrideFlag))),
    name_of_case);

INSTANTIATE_TEST_SUITE_P(
    Advertisements, NeighborDiscovery,
    ::testing::Values(
        guest_case("announcement", advertisement(kGreen1v6, kAllNodesStation, kOverrideFlag)),
        guest_case("to_the_gateway", advertisement(kGreen1v6, kGateway)),
        guest_case("to_a_local_station", advertisement(kGreen1v6, kGreen3v6),
                   {{"green-3", {advertisement(kGreen1v6, kGreen3v6)}}}),
        guest_case("of_listeners",
                   packet()
                       .ethernet({.source = kGreen1.mac,
                                  .destination = MacAddress::from_number(0x333300000016)})
                       .ipv6({.source = kGreen1LinkLocal.ip,
                              .destination = *IpAddress::parse("ff02::16"),
                              .hop_limit = 1})
                       .ipv6_extension({.number = ip_protocol::kHopByHop})
                       .icmpv6({.type = icmpv6_type::kListenerReportV2, .word = 1})
                       .payload(Bytes(20))
                       .build())),
    name_of_case);

NdFrame good() {
  return {.source_mac = kGreen1.mac,
          .destination_mac = kGateway.mac,
          .source = kGreen1v6.ip,
          .destination = kGateway.ip,
          .target = kGateway.ip};
}

NdFrame bad(const std::function<void(NdFrame&)>& change) {
  NdFrame frame = good();
  change(frame);
  return frame;
}

INSTANTIATE_TEST_SUITE_P(
    Malformed, NeighborDiscovery,
    ::testing::Values(
        answered("is_the_reason_for_silence", nd_frame(good()),
                 advertisement(kGateway, kGreen1v6, kOfRouter)),
        malformed("routed", bad([](NdFrame& f) { f.hop_limit = 254; })),
        malformed("code", bad([](NdFrame& f) { f.code = 1; })),
        malformed("checksum", bad([](NdFrame& f) { f.checksum = 0x1234; })),
        malformed("option_of_no_length",
                  bad([](NdFrame& f) { f.options = {1, 0, 0, 0, 0, 0, 0, 0}; })),
        malformed("option_beyond_the_end",
                  bad([](NdFrame& f) { f.options = {14, 2, 0, 0, 0, 0, 0, 0}; })),
        malformed("option_cut", bad([](NdFrame& f) { f.options = {1}; })),
        malformed("link_address_of_other_length", bad([](NdFrame& f) {
                    f.options = {1, 2, 2, 0, 0, 1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 0};
                  })),
        malformed("link_address_of_a_group",
                  bad([](NdFrame& f) { f.options = link_option(1, kBroadcastMac); })),
        malformed("target_group", bad([](NdFrame& f) { f.target = *IpAddress::parse("ff02::1"); })),
        malformed("target_none", bad([](NdFrame& f) { f.target = IpAddress{}; })),
        malformed("probe_with_a_link_address", bad([](NdFrame& f) {
                    f.source = IpAddress{};
                    f.destination = solicited_node(f.target);
                    f.options = link_option(1, kGreen1.mac);
                  })),
        malformed("probe_by_unicast", bad([](NdFrame& f) { f.source = IpAddress{}; })),
        malformed("solicited_for_all", bad([](NdFrame& f) {
                    f.type = icmpv6_type::kNeighborAdvertisement;
                    f.destination = kAllNodesStation.ip;
                    f.flags = kSolicitedFlag;
                  })),
        guest_case("too_short",
                   packet()
                       .ethernet({.source = kGreen1.mac, .destination = kGateway.mac})
                       .ipv6({.source = kGreen1v6.ip, .destination = kGateway.ip, .hop_limit = 255})
                       .icmpv6({.type = icmpv6_type::kNeighborSolicitation})
                       .payload(Bytes(15))
                       .build(),
                   {}, {{"green-1 nd_malformed", 1}})),
    name_of_case);

// A kernel peer without static neighbors.
INSTANTIATE_TEST_SUITE_P(
    FromTheWire, NeighborDiscovery,
    ::testing::Values(
        ipv6_wire_case("gateway", solicitation(kGreen2v6, kGreenGateway6),
                       {{"up", {advertisement(kGateway, kGreen2v6, kOfRouter)}}}),
        ipv6_wire_case("gateway_probed", unreachability_probe(kGreen2v6, kGateway),
                       {{"up", {advertisement(kGateway, kGreen2v6, kOfRouter)}}}),
        ipv6_wire_case("local_station_hears_it", solicitation(kGreen2v6, kGreen1v6.ip),
                       {{"green-1", {solicitation(kGreen2v6, kGreen1v6.ip)}}}),
        ipv6_wire_case("local_station_probed", unreachability_probe(kGreen2v6, kGreen1v6),
                       {{"green-1", {unreachability_probe(kGreen2v6, kGreen1v6)}}}),
        ipv6_wire_case("answer_to_a_local_station", advertisement(kGreen2v6, kGreen1v6),
                       {{"green-1", {advertisement(kGreen2v6, kGreen1v6)}}}),
        ipv6_wire_case("announcement", advertisement(kGreen2v6, kAllNodesStation, kOverrideFlag),
                       {}),
        ipv6_wire_case("duplicate_of_a_local_station", duplicate_probe(kGreen2.mac, kGreen1v6.ip),
                       {{"up", {advertisement(kGreen1v6, kAllNodesStation, kOverrideFlag)}}}),
        ipv6_wire_case("duplicate_of_none", duplicate_probe(kGreen2.mac, green_v6(0xfe)), {}),
        ipv6_wire_case("station_of_another_host", solicitation(kGreen2v6, kGreen2v6.ip), {},
                       {{"up nd_target_unknown", 1}}),
        ipv6_wire_case("malformed", nd_frame(bad([](NdFrame& f) { f.hop_limit = 1; })), {},
                       {{"up nd_malformed", 1}}),
        ipv6_wire_case("router_advertisement",
                       packet()
                           .ethernet({.source = kGreen2.mac, .destination = kAllNodesStation.mac})
                           .ipv6({.source = kGreen2LinkLocal.ip,
                                  .destination = kAllNodesStation.ip,
                                  .hop_limit = 255})
                           .icmpv6({.type = icmpv6_type::kRouterAdvertisement})
                           .payload(Bytes(8))
                           .build(),
                       {}, {{"up nd_unexpected", 1}})),
    name_of_case);

// An answer that answers an old question to a known station reaches it through the tunnel.
TEST(NeighborDiscoveryNode, AnswersTravelToOtherHosts) {
  Ipv6Lab lab;
  lab.send("green-1", {advertisement(kGreen1v6, kGreen2v6)});
  const auto out = lab.take("up");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(Bytes(out[0].begin() + 50, out[0].end()), advertisement(kGreen1v6, kGreen2v6));
}

}  // namespace
}  // namespace alkaid::test
