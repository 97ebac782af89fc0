// Displays made from responses that no process of ours would send, and numbers at their limits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/console/api_values.hpp"
#include "control/console/render.hpp"
#include "control/console/show/agent.hpp"
#include "control/console/show/forwarding.hpp"
#include "control/console/show/offload.hpp"
#include "control/console/show/port.hpp"
#include "control/console/show/services.hpp"
#include "control/console/show/vhost.hpp"
#include "control/console/show/worker.hpp"
#include "control/console/show/xdp.hpp"

namespace alkaid::console {
namespace {

using ::testing::HasSubstr;

TEST(ApiValues, Addresses) {
  EXPECT_EQ(ip_text(0, 0xffff0a000001ULL), "10.0.0.1");
  EXPECT_EQ(ip_text(0x20010db800000000ULL, 1), "2001:db8::1");
  EXPECT_EQ(ip({}).text, "-");
  EXPECT_TRUE(ip({}).json.is_null());
  EXPECT_EQ(mac(0x020000000111).json, "02:00:00:00:01:11");
  EXPECT_TRUE(mac(0).json.is_null());
  dataplane::v1::Prefix prefix;
  EXPECT_EQ(prefix_text(prefix), "");
  prefix.mutable_address()->set_low(0xffff00000000ULL);
  EXPECT_EQ(prefix_text(prefix), "0.0.0.0/0");
}

TEST(ApiValues, Times) {
  EXPECT_EQ(duration(0).text, "0.0 ms");
  EXPECT_EQ(duration(12'300).text, "12.3 ms");
  EXPECT_EQ(duration(3'661'000'000).text, "01:01:01");
  EXPECT_EQ(duration(90'061'000'000).text, "1d 01:01:01");
  EXPECT_EQ(duration(90'061'000'000).json, 90'061'000'000);
  EXPECT_EQ(timestamp(1'769'860'800'000'001).text, "2026-01-31T12:00:00.000001Z");
  EXPECT_EQ(timestamp(0).text, "-");
  timestamp(UINT64_MAX);
}

TEST(ApiValues, RatiosOfNothing) {
  EXPECT_EQ(percent(1, 0).text, "-");
  EXPECT_EQ(percent(1, 3).text, "33.3 %");
  EXPECT_EQ(ratio(7, 2).json, 3.5);
  EXPECT_TRUE(ratio(7, 0).json.is_null());
}

TEST(Show, SixtyFourBitCountersAreExact) {
  dataplane::v1::ShowPortsResponse response;
  response.add_ports()->set_rx_packets(UINT64_MAX);
  const std::string json = render_json(ports_display(response, Section::Style::kTable));
  EXPECT_THAT(json, HasSubstr("18446744073709551615"));
}

TEST(Show, WorkersListBurstClasses) {
  dataplane::v1::ShowWorkersResponse response;
  auto* worker = response.add_workers();
  worker->set_busy_cycles(300);
  worker->set_idle_cycles(100);
  worker->set_packets(3);
  for (int i = 0; i < 10; ++i) {
    worker->add_burst_histogram(static_cast<std::uint64_t>(i) + 100);
  }
  auto* queue = worker->add_queues();
  queue->set_port("green-1");
  queue->set_queue(3);
  const Display display = workers_display(response, {});
  EXPECT_THAT(render_text(display), AllOf(HasSubstr("75.0 %"), HasSubstr("100.0"), HasSubstr("2-3"),
                                          HasSubstr("128-255"), HasSubstr("256+")));
  const Json json = Json::parse(render_json(display));
  EXPECT_EQ(json.size(), 1U);
  EXPECT_EQ(json["workers"][0]["busy_percent"], 75.0);
  EXPECT_EQ(json["workers"][0]["burst_histogram"].size(), 10U);
  EXPECT_EQ(json["workers"][0]["queues"][0]["port"], "green-1");
  EXPECT_EQ(json["workers"][0]["queues"][0]["queue"], 3);
}

TEST(Show, GraphNodesHaveCyclesPerPacket) {
  dataplane::v1::ShowGraphResponse response;
  auto* node = response.add_nodes();
  node->set_name("parse_inner");
  node->set_calls(2);
  node->set_packets(8);
  node->set_cycles(100);
  node->add_next("drop");
  const Json json = Json::parse(render_json(graph_display(response)))["nodes"][0];
  EXPECT_EQ(json["packets_per_call"], 4.0);
  EXPECT_EQ(json["cycles_per_packet"], 12.5);
  EXPECT_EQ(json["next"][0], "drop");
}

TEST(Show, UnderlayStatesHaveNamesAlsoUnknownOnes) {
  dataplane::v1::ShowUnderlayResponse response;
  response.add_next_hops()->set_state(dataplane::v1::ShowUnderlayResponse::REACHABLE);
  response.add_next_hops()->set_state(static_cast<dataplane::v1::ShowUnderlayResponse::State>(99));
  auto* tunnel = response.add_tunnels();
  tunnel->set_vni(1001);
  auto* group = response.add_groups();
  group->set_slots(64);
  for (const std::uint64_t low : {0xffff0a000001ULL, 0xffff0a000002ULL}) {
    tunnel->add_next_hops()->set_low(low);
    group->add_members()->mutable_address()->set_low(low);
  }
  group->mutable_members(1)->set_slots(64);
  response.set_vlan(100);
  const Json json = Json::parse(render_json(underlay_display(response)));
  EXPECT_EQ(json["next_hops"][0]["state"], "reachable");
  EXPECT_EQ(json["next_hops"][1]["state"], "unknown");
  EXPECT_EQ(json["tunnels"][0]["vni"], 1001);
  EXPECT_EQ(json["tunnels"][0]["next_hops"], (Json{"10.0.0.1", "10.0.0.2"}));
  EXPECT_EQ(json["groups"][0]["members"][1], (Json{{"address", "10.0.0.2"}, {"slots", 64}}));
  EXPECT_EQ(json["groups"][0]["members"][0]["slots"], 0);
  EXPECT_EQ(json["uplink"][0]["vlan"], 100);
}

TEST(Show, TablesAndSegments) {
  dataplane::v1::ShowTablesResponse tables;
  auto* table = tables.add_tables();
  table->set_name("neighbors");
  table->set_used(1);
  table->set_capacity(8);
  table->set_bytes(4096);
  const Json shown = Json::parse(render_json(tables_display(tables)))["tables"][0];
  EXPECT_EQ(shown["used_percent"], 12.5);
  EXPECT_EQ(shown["bytes"], 4096);

  dataplane::v1::Segment segment;
  segment.set_vni(1001);
  auto* gateway = segment.add_gateways();
  gateway->mutable_address()->set_low(0xffff0a010001ULL);
  gateway->set_mac(0x020000000101);
  const Display display = segments_display({segment});
  EXPECT_THAT(render_text(display), HasSubstr("10.1.0.1 02:00:00:00:01:01"));
  EXPECT_EQ(Json::parse(render_json(display))["segments"][0]["gateways"][0]["address"], "10.1.0.1");
}

TEST(Show, XdpDevicesAndVerdicts) {
  dataplane::v1::ShowXdpResponse response;
  EXPECT_THAT(render_text(xdp_display(response)), HasSubstr("no port is attached by AF_XDP"));
  auto* device = response.add_devices();
  device->set_port("af_xdp:up0");
  device->set_device("up0");
  device->set_receive_queues(2);
  auto* verdict = device->add_verdicts();
  verdict->set_name("vxlan");
  verdict->set_frames(7);
  const Json shown = Json::parse(render_json(xdp_display(response)));
  EXPECT_EQ(shown["devices"][0]["mode"], "generic");
  EXPECT_EQ(shown["devices"][0]["receive_queues"], 2);
  EXPECT_EQ(shown["devices"][0]["carrier"], false);
  EXPECT_EQ(shown["verdicts"][0]["verdict"], "vxlan");
  EXPECT_EQ(shown["verdicts"][0]["frames"], 7);
}

TEST(Show, VhostGuestsAndWhatWasMergedForThem) {
  dataplane::v1::ShowVhostResponse response;
  EXPECT_THAT(render_text(vhost_display(response)), HasSubstr("no port is attached by vhost-user"));
  auto* guest = response.add_guests();
  guest->set_port("green-1");
  guest->set_connected(true);
  guest->set_rings_to_guest(4);
  guest->set_rings_from_guest(2);
  guest->set_open_checksums(true);
  guest->set_large_ipv6(true);
  guest->set_merges_buffers(true);
  guest->mutable_merged()->set_segments(45);
  guest->mutable_merged()->set_packets(2);
  response.add_guests()->set_port("green-2");
  response.mutable_merged()->set_segments(UINT64_MAX);
  response.mutable_merged()->set_packets(3);
  const Display display = vhost_display(response);
  const Json shown = Json::parse(render_json(display));
  const Json first = {{"port", "green-1"},
                      {"connected", true},
                      {"rings_to_guest", 4},
                      {"rings_from_guest", 2},
                      {"takes", {"checksums", "large_ipv6", "chains"}},
                      {"merged_segments", 45},
                      {"merged_packets", 2}};
  EXPECT_EQ(shown["guests"][0], first);
  EXPECT_EQ(shown["guests"][1]["connected"], false);
  EXPECT_EQ(shown["guests"][1]["takes"], Json::array());
  EXPECT_EQ(shown["merged"]["segments"], UINT64_MAX);
  EXPECT_EQ(shown["merged"]["packets"], 3);
  EXPECT_THAT(render_text(display), HasSubstr("checksums,large_ipv6,chains"));
}

TEST(Show, OffloadPortsAndReasons) {
  dataplane::v1::ShowOffloadResponse response;
  EXPECT_THAT(render_text(offload_display(response)), HasSubstr("no driver refused anything"));
  auto* port = response.add_ports();
  port->set_id("green-1");
  port->set_reason("vhost-user has no hardware behind it");
  auto* uplink = response.add_ports();
  uplink->set_id("dev:0000:03:00.0");
  uplink->set_hardware(true);
  uplink->set_tx_packets(7);
  auto* error = response.add_errors();
  error->set_number(28);
  error->set_count(3);
  const Json shown = Json::parse(render_json(offload_display(response)));
  EXPECT_EQ(shown["ports"][0]["forwards"], "software");
  EXPECT_EQ(shown["ports"][0]["reason"], "vhost-user has no hardware behind it");
  EXPECT_EQ(shown["ports"][1]["forwards"], "hardware");
  EXPECT_EQ(shown["ports"][1]["tx_packets"], 7);
  EXPECT_EQ(shown["errors"][0]["errno"], 28);
  EXPECT_EQ(shown["errors"][0]["count"], 3);
}

TEST(Show, RoutesOfEveryActionInOrder) {
  std::vector<dataplane::v1::Route> routes(3);
  routes[0].mutable_key()->set_table(9);
  routes[1].mutable_key()->set_table(3);
  routes[1].set_blackhole(true);
  routes[2].mutable_key()->set_table(UINT64_MAX);
  routes[2].mutable_next_hop()->set_low(0xffff0a010001ULL);
  const Json json = Json::parse(render_json(routes_display(routes)))["routes"];
  EXPECT_EQ(json[0]["action"], "blackhole");
  EXPECT_EQ(json[1]["action"], "unknown");
  EXPECT_EQ(json[2]["next_hop"], "10.1.0.1");
  EXPECT_EQ(json[2]["table"], "0xffffffffffffffff");
}

TEST(Show, NeighborsInTheOrderOfNumbers) {
  std::vector<Neighbor> neighbors;
  for (const auto& [vni, last] : {std::pair{1002U, 9U}, {1001U, 10U}, {1001U, 9U}, {11U, 1U}}) {
    neighbors.push_back({.vni = vni, .ip = Ipv4Address{0x0a000000 | last}});
  }
  const Json json = Json::parse(render_json(neighbors_display(neighbors)))["neighbors"];
  EXPECT_EQ(json[0]["vni"], 11);
  EXPECT_EQ(json[1]["ip"], "10.0.0.9");
  EXPECT_EQ(json[2]["ip"], "10.0.0.10");
  EXPECT_EQ(json[3]["vni"], 1002);
}

TEST(ApiValues, IdentifiersComeBack) {
  for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{7}, UINT64_MAX}) {
    EXPECT_EQ(parse_identifier(identifier_text(value)), value);
  }
  EXPECT_EQ(parse_identifier("31"), 31U);
  for (const char* text : {"", "0x", "x", "-1", "1 ", "0x1g", "99999999999999999999"}) {
    EXPECT_EQ(parse_identifier(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace alkaid::console
