// What the host itself answers needs no rule: a port whose groups allow nothing gets its addresses
// and finds its router all the same.
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

}  // namespace
}  // namespace alkaid::test
