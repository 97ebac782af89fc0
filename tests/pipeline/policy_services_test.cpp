// What the host itself answers needs no rule: a port whose groups allow nothing gets its addresses
// and finds its router all the same.
#include <algorithm>

#include "dataplane/announce/announcement.hpp"
#include "dataplane/packet/link_local.hpp"
#include "tests/pipeline/policy_network.hpp"
#include "tests/support/dhcp_messages.hpp"
#include "tests/support/dhcpv6_messages.hpp"

namespace alkaid::test {
namespace {

using namespace net;

class DefaultDeny : public ::testing::Test {
 protected:
  DefaultDeny() {
    EXPECT_FALSE(lab.programmer().set(
        DhcpBindingConfig{{kGreen, kGreen1.mac}, IpAddress{kGreen1.ip}, kGreen1v6.ip, "green-1"}));
    enforce(lab, "green-1", {});
  }
  // Whoever else hears of it, one frame comes back.
  Bytes answer_to(const Bytes& frame) {
    lab.send("green-1", {frame});
    EXPECT_TRUE(lab.take("green-3").empty());
    EXPECT_TRUE(lab.take("up").empty());
    const Frames out = lab.take("green-1");
    EXPECT_TRUE(lab.all_drops().empty());
    EXPECT_EQ(out.size(), 1U);
    return out.size() == 1 ? out[0] : Bytes(512);
  }

  const IpAddress link_local = link_local_address(kGreen1.mac);
  Ipv6Lab lab;
};

constexpr std::size_t kUdpOverIpv4 = sizeof(EthernetHeader) + sizeof(Ipv4Header);
constexpr std::size_t kIpv6Payload = sizeof(EthernetHeader) + sizeof(Ipv6Header);

TEST_F(DefaultDeny, LetsNothingElsePass) {
  lab.send("green-1", {udp_frame(kGreen1, kGreen3.mac, kGreen3.ip),
                       udp6_frame(kGreen1v6, kGreen3.mac, kGreen3v6.ip),
                       echo6_frame(kGreen1.mac, kGreen1v6.ip, kGreen3.mac, kGreen3v6.ip)});
  EXPECT_TRUE(lab.take("green-3").empty());
  EXPECT_EQ(lab.drops("green-1", DropReason::policy_egress), 3U);
  lab.send("green-3", {udp6_frame(kGreen3v6, kGreen1.mac, kGreen1v6.ip)});
  EXPECT_TRUE(lab.take("green-1").empty());
  EXPECT_EQ(lab.drops("green-3", DropReason::policy_ingress), 1U);
}

TEST_F(DefaultDeny, DhcpDiscoverIsAnswered) {
  DhcpClientMessage message{{.client_mac = kGreen1.mac}};
  message.type(DhcpMessageType::kDiscover);
  const Bytes out =
      answer_to(packet()
                    .ethernet({.source = kGreen1.mac, .destination = kBroadcastMac})
                    .ipv4({.source = Ipv4Address{0}, .destination = Ipv4Address{0xffffffff}})
                    .udp({.source_port = 68, .destination_port = 67})
                    .payload(message.build())
                    .build());
  std::string error;
  const auto reply =
      read_dhcp_reply(std::span{out}.subspan(kUdpOverIpv4 + sizeof(UdpHeader)), error);
  ASSERT_TRUE(reply) << error;
  EXPECT_EQ(reply->type(), DhcpMessageType::kOffer);
  EXPECT_EQ(reply->header.your_ip, kGreen1.ip);
}

TEST_F(DefaultDeny, Dhcpv6SolicitIsAnswered) {
  const auto message = Dhcpv6ClientMessage{Dhcpv6MessageType::kSolicit}.client().ia_na(1);
  const IpAddress servers = *IpAddress::parse("ff02::1:2");
  const Bytes out =
      answer_to(packet()
                    .ethernet({.source = kGreen1.mac, .destination = group_mac(servers)})
                    .ipv6({.source = link_local, .destination = servers, .hop_limit = 1})
                    .udp({.source_port = 546, .destination_port = 547})
                    .payload(message.build())
                    .build());
  std::string error;
  const auto reply =
      read_dhcpv6_reply(std::span{out}.subspan(kIpv6Payload + sizeof(UdpHeader)), error);
  ASSERT_TRUE(reply) << error;
  EXPECT_EQ(reply->type, Dhcpv6MessageType::kAdvertise);
  EXPECT_EQ(reply->associations.at(0).addresses.at(0).address, kGreen1v6.ip);
}

TEST_F(DefaultDeny, RouterSolicitationIsAnswered) {
  const IpAddress routers = *IpAddress::parse("ff02::2");
  const Bytes out =
      answer_to(packet()
                    .ethernet({.source = kGreen1.mac, .destination = group_mac(routers)})
                    .ipv6({.source = link_local, .destination = routers, .hop_limit = 255})
                    .icmpv6({.type = 133, .word = 0})
                    .build());
  EXPECT_EQ(out.at(kIpv6Payload), 134);
}

TEST_F(DefaultDeny, NeighborSolicitationsAreAnswered) {
  EXPECT_EQ(answer_to(solicitation(kGreen1v6, kGreenGateway6)),
            advertisement({kGreenGateway6, kGreenGatewayMac}, kGreen1v6,
                          kSolicitedFlag | kOverrideFlag | kRouterFlag))
      << "the gateway's";
  EXPECT_EQ(answer_to(solicitation(kGreen1v6, kGreen2v6.ip)), advertisement(kGreen2v6, kGreen1v6))
      << "a station's on another host";
}

// Stations of other hosts find it, and its answers reach them.
TEST_F(DefaultDeny, AddressResolutionFromOtherHostsPassesBothWays) {
  const auto from_wire = [&](const Bytes& frame) {
    lab.send("up", {tunnelled(frame, uplink_mac(lab))});
    return lab.take("green-1") == Frames{frame};
  };
  const auto to_wire = [&](const Bytes& frame) {
    lab.send("green-1", {frame});
    return lab.take("up").size() == 1;
  };
  EXPECT_TRUE(from_wire(arp_request(kGreen2, kGreen1.ip)));
  EXPECT_TRUE(to_wire(arp_reply(kGreen1.mac, kGreen1.ip, kGreen2)));
  EXPECT_TRUE(from_wire(solicitation(kGreen2v6, kGreen1v6.ip)));
  EXPECT_TRUE(to_wire(advertisement(kGreen1v6, kGreen2v6)));
  EXPECT_TRUE(from_wire(arp_reply(kGreen2.mac, kGreen2.ip, kGreen1)));
  EXPECT_TRUE(from_wire(advertisement(kGreen2v6, kGreen1v6)));
  EXPECT_TRUE(lab.all_drops().empty());
  EXPECT_EQ(connections_of(lab), 0) << "none of it is a connection";
}

// Nobody asked: gratuitous ARP, neighbor and router advertisements, when the port comes.
TEST(DefaultDenyFromTheStart, HearsOfItsGateway) {
  auto settings = PipelineLab::default_settings();
  settings.announcements = true;
  settings.ra_interval = std::chrono::seconds{600};
  PipelineLab lab{settings};
  auto segment = PipelineLab::segment_config(kGreen);
  segment.prefixes.push_back(*IpPrefix::parse("2001:db8:1::/64"));
  segment.gateways.push_back({kGreenGateway6, kGreenGatewayMac});
  ASSERT_FALSE(lab.programmer().set(segment));
  lab.make_rings("green-1");
  auto port = PipelineLab::port_config("green-1", kGreen, kGreen1);
  port.fixed_ips.push_back(kGreen1v6.ip);
  port.policy_enforced = true;
  ASSERT_FALSE(lab.programmer().set(port));
  lab.walk();
  const Frames out = lab.take("green-1");
  const auto has = [&](const AnnouncementFrame& frame) {
    const Bytes bytes{frame.bytes.begin(),
                      frame.bytes.begin() + static_cast<std::ptrdiff_t>(frame.length)};
    return std::find(out.begin(), out.end(), bytes) != out.end();
  };
  EXPECT_TRUE(has(make_announcement(kGreenGateway, kGreenGatewayMac, false)));
  EXPECT_TRUE(has(make_announcement(kGreenGateway6, kGreenGatewayMac, true)));
  EXPECT_EQ(std::count_if(out.begin(), out.end(),
                          [](const Bytes& frame) {
                            return frame.at(12) == 0x86 && frame.at(13) == 0xdd &&
                                   frame.at(54) == 134;
                          }),
            1)
      << "router advertisements";
  EXPECT_TRUE(lab.all_drops().empty());
}

}  // namespace
}  // namespace alkaid::test
