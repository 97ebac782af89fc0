// Gratuitous ARP and unsolicited neighbor advertisements: what is announced, to whom, how often.
#include "dataplane/announce/announcer.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/announce/announcement.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/link_local.hpp"
#include "dataplane/packet/parse.hpp"
#include "tests/pipeline/frames.hpp"

namespace alkaid::test {
namespace {

using namespace net;

const IpAddress kV6Gateway = *IpAddress::parse("2001:db8:1::1");

Bytes gratuitous_arp(const MacAddress& mac, Ipv4Address ip) {
  return packet()
      .ethernet({.source = mac, .destination = kBroadcastMac})
      .arp({.sender_mac = mac, .sender_ip = ip, .target_ip = ip})
      .build();
}

Bytes bytes_of(const AnnouncementFrame& frame) {
  return {frame.bytes.begin(), frame.bytes.begin() + static_cast<std::ptrdiff_t>(frame.length)};
}

TEST(Announcement, GratuitousArp) {
  EXPECT_EQ(bytes_of(make_announcement(kGreen1.ip, kGreen1.mac, false)),
            gratuitous_arp(kGreen1.mac, kGreen1.ip));
}

TEST(Announcement, UnsolicitedNeighborAdvertisement) {
  for (const bool is_router : {false, true}) {
    const Bytes frame = bytes_of(make_announcement(kV6Gateway, kGreenGatewayMac, is_router));
    FrameHeaders headers;
    ASSERT_EQ(parse_frame(frame, frame.size(), headers), DropReason::kNone);
    const auto message = read_nd_message(frame, headers);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->type, icmpv6_type::kNeighborAdvertisement);
    EXPECT_EQ(message->target, kV6Gateway);
    EXPECT_EQ(message->link_mac, kGreenGatewayMac);
    EXPECT_EQ(message->flags & 0xe0000000, is_router ? 0xa0000000 : 0x20000000)
        << "override, not solicited";
    const auto& ethernet = *reinterpret_cast<const EthernetHeader*>(frame.data());
    EXPECT_EQ(ethernet.destination, multicast_mac(kAllNodes));
  }
}

// The announcer by itself, with a clock of the test's own.
class AnnouncerTest : public ::testing::Test {
 protected:
  AnnouncerTest()
      : announcer_(lab_.dataplane().tables(), lab_.dataplane().port_table(),
                   {.to_port =
                        [this](const Port& port, Announcer::Bytes frame) {
                          sent_[port.id].emplace_back(frame.begin(), frame.end());
                          return true;
                        },
                    .to_hosts =
                        [this](Vni vni, Announcer::Bytes frame) {
                          sent_["hosts of " + std::to_string(vni.number())].emplace_back(
                              frame.begin(), frame.end());
                          return 1U;
                        },
                    .config_of =
                        [this](const std::string& id) {
                          return lab_.dataplane().ports().find_config(id);
                        }}) {
    // The ports are there already: only what comes next is looked at.
    for (const char* id : {"green-1", "green-3", "red-1"}) {
      announcer_.port_changed(nullptr, &port(id), now_);
    }
    run(std::chrono::seconds{10});
  }

  const Port& port(const std::string& id) { return *lab_.dataplane().ports().find(id); }

  // Ticks ten times a second.
  std::map<std::string, Frames> run(std::chrono::seconds time) {
    sent_.clear();
    for (const auto end = now_ + time; now_ < end; now_ += std::chrono::milliseconds{100}) {
      announcer_.tick(now_);
    }
    return sent_;
  }

  PipelineLab lab_;
  Announcer::Time now_{std::chrono::hours{1}};
  Announcer announcer_;
  std::map<std::string, Frames> sent_;
};

TEST_F(AnnouncerTest, APortThatComesUpHearsOfItsGatewayAndIsAnnouncedToOtherHosts) {
  Port down;  // what matters of it
  down.index = port("green-1").index;
  down.id = "green-1";
  down.vni = kGreen;
  down.vni_v6 = kGreen;
  announcer_.port_changed(&port("green-1"), &down, now_);
  EXPECT_TRUE(run(std::chrono::seconds{5}).empty());
  announcer_.port_changed(&down, &port("green-1"), now_);
  const std::map<std::string, Frames> expected{
      {"green-1", Frames(3, gratuitous_arp(kGreenGatewayMac, kGreenGateway))},
      {"hosts of 1001", Frames(3, gratuitous_arp(kGreen1.mac, kGreen1.ip))}};
  EXPECT_EQ(run(std::chrono::seconds{10}), expected) << "three times, to nobody else";
}

TEST_F(AnnouncerTest, RepetitionsAreASecondApart) {
  announcer_.port_changed(nullptr, &port("green-1"), now_);
  EXPECT_EQ(run(std::chrono::seconds{1})["green-1"].size(), 1U);
  EXPECT_EQ(run(std::chrono::seconds{1})["green-1"].size(), 1U);
  EXPECT_EQ(run(std::chrono::seconds{1})["green-1"].size(), 1U);
  EXPECT_TRUE(run(std::chrono::seconds{10}).empty());
}

TEST_F(AnnouncerTest, AnIpv6GatewayIsAnnouncedToo) {
  auto segment = PipelineLab::segment_config(kGreen);
  segment.gateways.push_back({kV6Gateway, kGreenGatewayMac});
  ASSERT_FALSE(lab_.programmer().set(segment));
  announcer_.port_changed(nullptr, &port("green-1"), now_);
  const auto frames = run(std::chrono::seconds{1})["green-1"];
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[1], bytes_of(make_announcement(kV6Gateway, kGreenGatewayMac, true)));
}

TEST_F(AnnouncerTest, GuestsHearOfAStationWithAnotherMac) {
  const MacAddress other = MacAddress::from_number(0x0200000100ee);
  auto neighbor = PipelineLab::neighbor_config(kGreen, kGreen2);
  neighbor.mac = other;
  ASSERT_FALSE(lab_.programmer().set(neighbor));
  announcer_.station_moved(kGreen, IpAddress{kGreen2.ip}, now_);
  const std::map<std::string, Frames> expected{
      {"green-1", Frames(3, gratuitous_arp(other, kGreen2.ip))},
      {"green-3", Frames(3, gratuitous_arp(other, kGreen2.ip))}};
  EXPECT_EQ(run(std::chrono::seconds{10}), expected) << "nobody of another subnet";
}

TEST_F(AnnouncerTest, WhatIsGoneIsNotAnnounced) {
  announcer_.station_moved(kGreen, IpAddress{Ipv4Address{0x0a0100fe}}, now_);
  announcer_.port_changed(nullptr, &port("green-1"), now_);
  announcer_.port_changed(&port("green-1"), nullptr, now_);
  ASSERT_TRUE(lab_.dataplane().ports().find_config("green-1") != nullptr);
  lab_.programmer().remove_port("green-1");
  EXPECT_TRUE(run(std::chrono::seconds{5}).empty());
}

TEST_F(AnnouncerTest, ManyMovesAreToldAtAPace) {
  for (std::uint32_t i = 0; i < 100; ++i) {
    auto neighbor = PipelineLab::neighbor_config(
        kGreen, {Ipv4Address{0x0a010040 + i}, MacAddress::from_number(0x020000010100ULL + i)});
    ASSERT_FALSE(lab_.programmer().set(neighbor));
    announcer_.station_moved(kGreen, neighbor.key.ip, now_);
  }
  sent_.clear();
  announcer_.tick(now_);
  std::size_t frames = 0;
  for (const auto& [id, sent] : sent_) {
    frames += sent.size();
  }
  EXPECT_EQ(frames, Announcer::kMostPerTick);
  EXPECT_EQ(run(std::chrono::seconds{60})["green-1"].size() + frames / 2, 300U);
}

TEST_F(AnnouncerTest, MemoryIsBounded) {
  for (std::uint32_t i = 0; i < Announcer::kMostPending + 10; ++i) {
    announcer_.station_moved(kGreen, IpAddress{Ipv4Address{0x0b000000 + i}}, now_);
  }
  EXPECT_EQ(announcer_.given_up(), 10U);
}

// The whole way, from the agent's call to the ports and the wire.
TEST(Announcements, PortUpAndMove) {
  auto settings = PipelineLab::default_settings();
  settings.announcements = true;
  PipelineLab lab{settings};
  lab.program_network();
  lab.walk();
  EXPECT_EQ(lab.take("green-1").at(0), gratuitous_arp(kGreenGatewayMac, kGreenGateway));
  // One copy into the peer's tunnel for each address here: two green ones and a red one.
  std::vector<Bytes> inner;
  for (const Bytes& frame : lab.take("up")) {
    ASSERT_GT(frame.size(), 50U);
    EXPECT_EQ(reinterpret_cast<const Ipv4Header*>(&frame[14])->destination, kPeerVtep);
    EXPECT_EQ(reinterpret_cast<const UdpHeader*>(&frame[34])->destination_port.host(),
              udp_port::kVxlan);
    inner.emplace_back(frame.begin() + 50, frame.end());
  }
  Bytes green = gratuitous_arp(kGreen1.mac, kGreen1.ip);
  EXPECT_EQ(std::count(inner.begin(), inner.end(), green), 1);
  EXPECT_EQ(inner.size(), 3U);

  lab.take("green-3");
  auto neighbor = PipelineLab::neighbor_config(kGreen, kGreen2);
  neighbor.mac = MacAddress::from_number(0x0200000100ee);
  ASSERT_FALSE(lab.programmer().set(neighbor));
  lab.walk();
  EXPECT_EQ(lab.take("green-3"), Frames{gratuitous_arp(neighbor.mac, kGreen2.ip)});
  for (const char* other : {"green-1", "red-1", "up"}) {
    lab.take(other);
  }
  EXPECT_EQ(lab.buffers_in_use(), 0U);
}

}  // namespace
}  // namespace alkaid::test
