// Two tenants on one host who have chosen the same MACs, addresses and ports.
#include <string>

#include "tests/pipeline/merged_counts.hpp"
#include "tests/pipeline/policy_network.hpp"

namespace alkaid::test {
namespace {

using namespace net;

struct Tenant {
  const char* client;
  const char* server;
  const char* group;
  Vni vni;
  std::uint8_t mark;  // every byte of its payloads
};
constexpr Tenant kFirst{"first-client", "first-server", "first", Vni::from_trusted(3001), 0x11};
constexpr Tenant kSecond{"second-client", "second-server", "second", Vni::from_trusted(3002), 0x22};

class TwinTenants : public ::testing::Test {
 protected:
  TwinTenants() {
    for (const Tenant& tenant : {kFirst, kSecond}) {
      auto segment = PipelineLab::segment_config(kGreen);
      segment.vni = tenant.vni;
      segment.router = 0;
      EXPECT_FALSE(lab.programmer().set(segment));
      set_rules(lab, tenant.group, {policy_rule("tcp", false, false, ip_protocol::kTcp)});
      for (const auto& [id, station] :
           {std::pair{tenant.client, kGreen1}, {tenant.server, kGreen3}}) {
        lab.make_rings(id);
        EXPECT_FALSE(lab.programmer().set(PipelineLab::port_config(id, tenant.vni, station)));
      }
      enforce(lab, tenant.client, {tenant.group});
    }
  }

  static Bytes frame(const Tenant& tenant, bool reply, std::uint8_t flags) {
    const Station& from = reply ? kGreen3 : kGreen1;
    const Station& to = reply ? kGreen1 : kGreen3;
    return packet()
        .ethernet({.source = from.mac, .destination = to.mac})
        .ipv4({.source = from.ip, .destination = to.ip})
        .tcp({.source_port = static_cast<std::uint16_t>(reply ? 80 : 1234),
              .destination_port = static_cast<std::uint16_t>(reply ? 1234 : 80),
              .flags = flags})
        .payload(Bytes(20, tenant.mark))
        .build();
  }
  // True: it came out as it was at the tenant's other port, and nowhere else.
  bool send(const Tenant& tenant, bool reply, std::uint8_t flags = tcp_flag::kAck) {
    const Bytes sent = frame(tenant, reply, flags);
    lab.send(reply ? tenant.server : tenant.client, {sent});
    const char* const destination = reply ? tenant.client : tenant.server;
    bool arrived = false;
    for (const Tenant& each : {kFirst, kSecond}) {
      for (const char* port : {each.client, each.server}) {
        const Frames out = lab.take(port);
        if (port == destination) {
          arrived = out == Frames{sent};
        }
        EXPECT_TRUE(port == destination || out.empty()) << port;
      }
    }
    EXPECT_TRUE(lab.take("up").empty());
    return arrived;
  }
  // Packets of the tenant's connection, original and reply; {0, 0}: it has none.
  std::pair<std::uint64_t, std::uint64_t> packets(const Tenant& tenant) {
    std::pair<std::uint64_t, std::uint64_t> result{0, 0};
    read_card(lab);
    const PortIndex client = lab.dataplane().ports().find(tenant.client)->index;
    lab.dataplane().connections().for_each<FlowKeyV4>(
        [&](ConnectionTable<FlowKeyV4>& table, ConnectionNumber number) {
          if (table.record(number).initiator != client) {
            return;
          }
          result = {packets_of<FlowKeyV4>(lab, number, Direction::kOriginal),
                    packets_of<FlowKeyV4>(lab, number, Direction::kReply)};
        });
    return result;
  }

  PipelineLab lab;
};

TEST_F(TwinTenants, ConnectionsOfTheSameEndsStayApart) {
  const std::uint8_t syn_ack = tcp_flag::kSyn | tcp_flag::kAck;
  EXPECT_TRUE(send(kFirst, false, tcp_flag::kSyn));
  EXPECT_FALSE(send(kSecond, true, syn_ack)) << "the other tenant's connection has no answer here";
  EXPECT_TRUE(send(kSecond, false, tcp_flag::kSyn));
  EXPECT_TRUE(send(kFirst, true, syn_ack));
  EXPECT_TRUE(send(kSecond, true, syn_ack));
  EXPECT_TRUE(send(kSecond, false));
  EXPECT_TRUE(send(kFirst, false));
  EXPECT_EQ(connections_of(lab), 2);
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(send(kFirst, false));
    EXPECT_TRUE(send(kSecond, true));
    EXPECT_TRUE(send(kSecond, false));
    EXPECT_TRUE(send(kFirst, true));
    EXPECT_TRUE(send(kSecond, true));
  }
  using Packets = std::pair<std::uint64_t, std::uint64_t>;
  EXPECT_EQ(packets(kFirst), (Packets{7, 6}));
  EXPECT_EQ(packets(kSecond), (Packets{7, 11}));

  ASSERT_FALSE(
      lab.programmer().set(SecurityGroupChange{.id = kFirst.group, .removed_rules = {"tcp"}}));
  EXPECT_FALSE(send(kFirst, true));
  EXPECT_TRUE(send(kSecond, true));
  EXPECT_FALSE(send(kFirst, false));
  EXPECT_TRUE(send(kSecond, false));
  EXPECT_EQ(packets(kFirst), (Packets{0, 0}));
  EXPECT_EQ(packets(kSecond), (Packets{8, 12}));

  lab.programmer().remove_port(kFirst.client);
  pass_time(lab, 10);
  EXPECT_TRUE(send(kSecond, true));
  EXPECT_EQ(packets(kSecond), (Packets{8, 13}));
}

// As they come out of the tunnel: only the VNI tells them apart.
TEST_F(TwinTenants, AnswersFromTheWireAreOfTheirVni) {
  for (const Tenant& tenant : {kFirst, kSecond}) {
    ASSERT_FALSE(lab.programmer().set(PipelineLab::neighbor_config(tenant.vni, kGreen2)));
  }
  const auto syn = packet()
                       .ethernet({.source = kGreen1.mac, .destination = kGreen2.mac})
                       .ipv4({.source = kGreen1.ip, .destination = kGreen2.ip})
                       .tcp({.source_port = 1234, .destination_port = 80})
                       .build();
  const auto answer = [&](const Tenant& tenant) {
    lab.send("up", {tunnelled(packet()
                                  .ethernet({.source = kGreen2.mac, .destination = kGreen1.mac})
                                  .ipv4({.source = kGreen2.ip, .destination = kGreen1.ip})
                                  .tcp({.source_port = 80,
                                        .destination_port = 1234,
                                        .flags = tcp_flag::kSyn | tcp_flag::kAck})
                                  .build(),
                              uplink_mac(lab), {.vni = tenant.vni.number()})});
    return std::pair{lab.take(kFirst.client).size(), lab.take(kSecond.client).size()};
  };
  using Delivered = std::pair<std::size_t, std::size_t>;
  lab.send(kFirst.client, {syn});
  EXPECT_EQ(lab.take("up").size(), 1U);
  EXPECT_EQ(answer(kSecond), (Delivered{0, 0})) << "it has not asked";
  EXPECT_EQ(answer(kFirst), (Delivered{1, 0}));
  lab.send(kSecond.client, {syn});
  EXPECT_EQ(lab.take("up").size(), 1U);
  EXPECT_EQ(answer(kSecond), (Delivered{0, 1}));
}

// The host's number of a VNI that has gone is given to the next one: nothing of the former's
// connections is the new one's, even with the same ports, MACs and addresses.
TEST(NextTenant, FindsNothingOfTheOneWhoseZoneItGets) {
  auto settings = PipelineLab::default_settings();
  settings.flows.mid_stream = MidStreamPickup::kNever;
  PipelineLab lab{settings};
  for (const char* const id : {kFirst.client, kFirst.server}) {
    lab.make_rings(id);
  }
  const auto arrive = [&](Vni vni) {
    auto segment = PipelineLab::segment_config(kGreen);
    segment.vni = vni;
    segment.router = 0;
    ASSERT_FALSE(lab.programmer().set(segment));
    ASSERT_FALSE(lab.programmer().set(PipelineLab::port_config(kFirst.client, vni, kGreen1)));
    ASSERT_FALSE(lab.programmer().set(PipelineLab::port_config(kFirst.server, vni, kGreen3)));
    enforce(lab, kFirst.client, {"out"});
  };
  const auto leave = [&](Vni vni) {
    lab.programmer().remove_port(kFirst.client);
    lab.programmer().remove_port(kFirst.server);
    lab.programmer().remove_segment(vni);
    lab.walk();
  };
  const auto send = [&](bool reply, std::uint8_t protocol, std::uint8_t flags = tcp_flag::kAck) {
    const Station& from = reply ? kGreen3 : kGreen1;
    const Station& to = reply ? kGreen1 : kGreen3;
    const auto source = static_cast<std::uint16_t>(reply ? 80 : 1234);
    const auto destination = static_cast<std::uint16_t>(reply ? 1234 : 80);
    const auto ip = packet()
                        .ethernet({.source = from.mac, .destination = to.mac})
                        .ipv4({.source = from.ip, .destination = to.ip});
    lab.send(reply ? kFirst.server : kFirst.client,
             {protocol == ip_protocol::kTcp
                  ? ip.tcp({.source_port = source, .destination_port = destination, .flags = flags})
                        .build()
                  : ip.udp({.source_port = source, .destination_port = destination}).build()});
    return lab.take(reply ? kFirst.client : kFirst.server).size();
  };
  set_rules(lab, "out", {policy_rule("all", false, false)});
  arrive(kFirst.vni);
  const Zone zone = lab.dataplane().ports().find(kFirst.client)->zone;
  EXPECT_EQ(send(false, ip_protocol::kUdp), 1U);
  EXPECT_EQ(send(true, ip_protocol::kUdp), 1U);
  EXPECT_EQ(send(false, ip_protocol::kTcp, tcp_flag::kSyn), 1U);
  EXPECT_EQ(send(true, ip_protocol::kTcp, tcp_flag::kSyn | tcp_flag::kAck), 1U);
  EXPECT_EQ(send(false, ip_protocol::kTcp), 1U);
  EXPECT_EQ(send(true, ip_protocol::kTcp), 1U);

  leave(kFirst.vni);
  arrive(kSecond.vni);
  ASSERT_EQ(lab.dataplane().ports().find(kFirst.client)->zone, zone) << "or this shows nothing";
  EXPECT_EQ(send(true, ip_protocol::kUdp), 0U) << "an answer to the former tenant";
  EXPECT_EQ(send(true, ip_protocol::kTcp), 0U);
  EXPECT_EQ(send(false, ip_protocol::kTcp), 0U) << "its connection's next segment";
  EXPECT_EQ(connections_of(lab), 0);
  EXPECT_EQ(send(false, ip_protocol::kUdp), 1U);
  EXPECT_EQ(send(true, ip_protocol::kUdp), 1U);
  EXPECT_EQ(connections_of(lab), 1);
}

}  // namespace
}  // namespace alkaid::test
