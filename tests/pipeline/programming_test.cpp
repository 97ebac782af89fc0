// Programming: idempotence, full tables, limits, memory that comes back, and workers that run
// meanwhile.
#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <rte_dev.h>

#include "tests/pipeline/frames.hpp"
#include "tests/pipeline/pipeline_lab.hpp"

namespace alkaid::test {
namespace {

using namespace net;

NeighborConfig numbered_neighbor(std::uint32_t number) {
  return {{kGreen, IpAddress{Ipv4Address{0x0a800000 + number}}},
          MacAddress::from_number(0x020000000000 + number),
          IpAddress{kPeerVtep}};
}

TEST(Programming, FullTableIsToldAndRecovers) {
  PipelineLab lab;
  const std::uint64_t before = lab.dataplane().tables().neighbors.occupancy().used;
  std::uint32_t stored = 0;
  ObjectResult refused;
  for (std::uint32_t i = 0; i < 2000 && !refused; ++i) {
    refused = lab.programmer().set(numbered_neighbor(i));
    stored += refused ? 0 : 1;
  }
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, ObjectErrorCode::kTableFull);
  EXPECT_EQ(stored + before, 1024U) << "to the last one";
  lab.programmer().remove_neighbor({kGreen, numbered_neighbor(0).key.ip});
  lab.walk();
  EXPECT_FALSE(lab.programmer().set(numbered_neighbor(5000)));
  // Everything goes again, and all of it can be stored once more.
  for (std::uint32_t i = 0; i < stored; ++i) {
    lab.programmer().remove_neighbor({kGreen, numbered_neighbor(i).key.ip});
  }
  lab.programmer().remove_neighbor({kGreen, numbered_neighbor(5000).key.ip});
  lab.walk();
  EXPECT_EQ(lab.dataplane().tables().neighbors.occupancy().used, before);
  for (std::uint32_t i = 0; i < stored; ++i) {
    ASSERT_FALSE(lab.programmer().set(numbered_neighbor(i))) << i;
  }
}

TEST(Programming, PortsComeAndGoWithoutLeavingAnythingBehind) {
  PipelineLab lab;
  const auto tables = [&lab] {
    return std::pair{lab.dataplane().tables().segments.occupancy().used,
                     lab.dataplane().tables().neighbors.occupancy().used};
  };
  const auto before = tables();
  const Station station{Ipv4Address{0x0a010063}, MacAddress::from_number(0x020000010063)};
  for (int round = 0; round < 200; ++round) {
    auto config = PipelineLab::port_config("transient", Vni::from_trusted(3000), station);
    config.attachment = "null:";
    ASSERT_FALSE(lab.programmer().set(config));
    config.fixed_ips = {IpAddress{Ipv4Address{0x0a010064}}};
    config.vni = kGreen;
    ASSERT_FALSE(lab.programmer().set(config));
    lab.send("green-1", {udp_frame(kGreen1, station.mac, Ipv4Address{0x0a010064})});
    lab.programmer().remove_port("transient");
    lab.walk();
  }
  EXPECT_EQ(tables(), before);
  EXPECT_EQ(lab.buffers_in_use(), 0U);
}

TEST(Programming, MoreNullPortsThanDpdkHasPorts) {
  PipelineLab lab;
  for (std::uint32_t i = 0; i < 60; ++i) {
    const Station station{Ipv4Address{0x0a010064 + i}, MacAddress::from_number(0x020000010064 + i)};
    auto config = PipelineLab::port_config("null-" + std::to_string(i), kGreen, station);
    config.attachment = "null:";
    ASSERT_FALSE(lab.programmer().set(config)) << i;
  }
  const Station last{Ipv4Address{0x0a010100}, MacAddress::from_number(0x020000010100)};
  auto config = PipelineLab::port_config("one-too-many", kGreen, last);
  config.attachment = "null:";
  const auto refused = lab.programmer().set(config);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, ObjectErrorCode::kTableFull);
  EXPECT_EQ(lab.programmer().set(config)->code, ObjectErrorCode::kTableFull);
  lab.programmer().remove_port("null-7");
  lab.walk();
  EXPECT_FALSE(lab.programmer().set(config));
}

// A MAC that several addresses share, on two hosts for a while: the entry must never point to a
// tunnel that nobody holds any more.
TEST(Programming, AMacSharedByTwoAddressesFollowsThem) {
  PipelineLab lab;
  const auto vtep_of_next_packet = [&lab]() -> std::uint8_t {
    lab.send("green-1", {udp_frame(kGreen1, kGreen2.mac, kGreen2.ip)});
    const auto out = lab.take("up");
    return out.size() == 1 ? out[0][33] : 0;  // last byte of the outer destination
  };
  auto settings = PipelineLab::neighbor_config(kGreen, kGreen2);
  NeighborConfig second = settings;
  second.key.ip = IpAddress{Ipv4Address{0x0a0100c8}};
  second.vtep = IpAddress{Ipv4Address{0x0a000003}};
  EXPECT_EQ(vtep_of_next_packet(), 2);
  ASSERT_FALSE(lab.programmer().set(second));
  lab.take("up");  // the question for the new host's MAC
  lab.send("green-1", {udp_frame(kGreen1, kGreen2.mac, kGreen2.ip)});
  EXPECT_EQ(lab.drops("green-1", DropReason::next_hop_unresolved), 1U) << "the last one written";
  lab.take("up");
  lab.programmer().remove_neighbor(second.key);
  lab.walk();
  EXPECT_EQ(vtep_of_next_packet(), 2) << "back to the address that is left";
  lab.programmer().remove_neighbor(settings.key);
  lab.walk();
  lab.send("green-1", {udp_frame(kGreen1, kGreen2.mac, kGreen2.ip)});
  EXPECT_EQ(lab.drops("green-1", DropReason::destination_mac_unknown), 1U);
  EXPECT_EQ(lab.dataplane().tunnels().view().size(), 1U) << "that of red-2";
}

TEST(Programming, AContestedAddressComesBackToItsOwner) {
  PipelineLab lab;
  auto rival = PipelineLab::port_config("rival", kGreen, kGreen3);
  rival.attachment = "null:";
  ASSERT_FALSE(lab.programmer().set(rival));
  lab.send("green-1", {udp_frame(kGreen1, kGreen3.mac, kGreen3.ip)});
  EXPECT_TRUE(lab.take("green-3").empty()) << "the last one has it";
  lab.programmer().remove_port("rival");
  lab.walk();
  lab.send("green-1", {udp_frame(kGreen1, kGreen3.mac, kGreen3.ip),
                       udp_frame(kRed1, kRedGatewayMac, kGreen3.ip)});
  EXPECT_EQ(lab.take("green-3").size(), 1U);
  lab.send("red-1", {udp_frame(kRed1, kRedGatewayMac, kGreen3.ip)});
  EXPECT_EQ(lab.take("green-3").size(), 1U) << "by IP as well as by MAC";
}

TEST(Programming, AChangeThatDoesNotFitLeavesThePortAsItWas) {
  PipelineLab lab;
  while (!lab.programmer().set(
      numbered_neighbor(static_cast<std::uint32_t>(lab.programmer().operations() + 10)))) {
  }
  auto changed = PipelineLab::port_config("green-3", kGreen, kGreen3);
  changed.mac = MacAddress::from_number(0x0200000100ee);
  changed.attachment = "null:";
  for (std::uint32_t i = 0; i < 8; ++i) {
    changed.fixed_ips.push_back(IpAddress{Ipv4Address{0x0a0100d0 + i}});
  }
  const auto refused = lab.programmer().set(changed);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, ObjectErrorCode::kTableFull);
  lab.walk();
  lab.send("green-1", {udp_frame(kGreen1, kGreen3.mac, kGreen3.ip)});
  EXPECT_EQ(lab.take("green-3").size(), 1U) << "still attached to its rings";
  lab.send("red-1", {udp_frame(kRed1, kRedGatewayMac, kGreen3.ip)});
  EXPECT_EQ(lab.take("green-3").size(), 1U);
}

TEST(Programming, AFullTableOfSegmentsTakesAnotherOneAfterARemoval) {
  PipelineLab lab;
  auto segment = PipelineLab::segment_config(kGreen);
  ObjectResult refused;
  std::uint32_t vni = 5000;
  while (!refused) {
    segment.vni = Vni::from_trusted(++vni);
    refused = lab.programmer().set(segment);
  }
  EXPECT_EQ(refused->code, ObjectErrorCode::kTableFull);
  lab.programmer().remove_segment(Vni::from_trusted(5001));
  // At once, before the slot's grace period was noticed by anybody.
  EXPECT_FALSE(lab.programmer().set(segment));
}

TEST(Programming, TheSegmentsMtuIsThePorts) {
  PipelineLab lab;
  const auto frame = packet()
                         .ethernet({.source = kGreen1.mac, .destination = kGreen3.mac})
                         .ipv4({.source = kGreen1.ip, .destination = kGreen3.ip})
                         .udp()
                         .payload(Bytes(1300))
                         .build();
  auto segment = PipelineLab::segment_config(kGreen);
  segment.mtu = 1280;
  ASSERT_FALSE(lab.programmer().set(segment));
  lab.send("green-1", {frame});
  EXPECT_TRUE(lab.take("green-3").empty());
  segment.mtu = 0;
  ASSERT_FALSE(lab.programmer().set(segment));
  lab.send("green-1", {frame});
  EXPECT_EQ(lab.take("green-3").size(), 1U);
}

TEST(Routes, Ipv6LookupTakesTheLongest) {
  PipelineLab lab;
  auto& routes = lab.dataplane().tables().routes;
  for (const char* prefix : {"::/0", "2001:db8::/32", "2001:db8:1::/48", "2001:db8:1::7/128"}) {
    ASSERT_FALSE(
        lab.programmer().set(RouteConfig{{7, *IpPrefix::parse(prefix)}, BlackholeAction{}}));
  }
  Segment segment;
  segment.routes = routes.acquire(7);
  const auto length_for = [&](const char* address) {
    const Route* route = routes.lookup(segment, *IpAddress::parse(address));
    return route != nullptr ? route->config.key.prefix.length : -1;
  };
  EXPECT_EQ(length_for("2001:db8:1::7"), 128);
  EXPECT_EQ(length_for("2001:db8:1::8"), 48);
  EXPECT_EQ(length_for("2001:db8:2::1"), 32);
  EXPECT_EQ(length_for("2002::1"), 0);
  lab.programmer().remove_route({7, *IpPrefix::parse("2001:db8:1::/48")});
  EXPECT_EQ(length_for("2001:db8:1::8"), 32);
  EXPECT_EQ(routes.lookup(segment, Ipv4Address{0x0a000001}), nullptr) << "families are apart";
  routes.release(7);
}

TEST(TwoWorkers, PacketsAreHandedToTheOwnerOfTheQueue) {
  auto settings = PipelineLab::default_settings();
  settings.worker_lcores = {0, 1};
  PipelineLab lab(settings);
  lab.program_network();
  const auto& ports = lab.dataplane().ports();
  ASSERT_NE(ports.find("green-1")->device.worker, ports.find("green-3")->device.worker);
  const auto frame = udp_frame(kGreen1, kGreen3.mac, kGreen3.ip);
  const Frames frames(50, frame);
  lab.send("green-1", frames);
  EXPECT_EQ(lab.take("green-3"), frames);
  EXPECT_TRUE(lab.all_drops().empty());
}

TEST(TwoWorkers, WhereEveryWorkerHasAQueueItSendsItself) {
  auto settings = PipelineLab::default_settings();
  settings.worker_lcores = {0, 1};
  PipelineLab lab(settings);
  lab.program_network();
  const std::string file = ::testing::TempDir() + "no-packets.pcap";
  constexpr std::array<std::uint32_t, 6> kHeader{0xa1b2c3d4, 4U << 16 | 2U, 0, 0, 65535, 1};
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(kHeader.data()), sizeof(kHeader));
  auto config = PipelineLab::port_config("green-3", kGreen, kGreen3);
  config.attachment = "pcap:rx=" + file;
  lab.programmer().remove_port("green-3");
  lab.dataplane().tick();
  ASSERT_FALSE(lab.programmer().set(config));
  const Port* port = lab.dataplane().ports().find("green-3");
  ASSERT_TRUE(port != nullptr && port->attached);
  const unsigned sender = lab.dataplane().ports().find("green-1")->device.worker;
  ASSERT_NE(sender, port->device.worker);
  lab.enqueue("green-1", {udp_frame(kGreen1, kGreen3.mac, kGreen3.ip)});
  lab.dataplane().workers()[sender]->step();
  EXPECT_EQ(port->counters[sender].tx_packets.read(), 1U);
  EXPECT_TRUE(lab.all_drops().empty());
  std::remove(file.c_str());
}

// A packet waits in a ring by its port's index; another tenant's port gets that index meanwhile.
TEST(TwoWorkers, AReusedIndexDoesNotReceiveWhatWasForItsPredecessor) {
  auto settings = PipelineLab::default_settings();
  settings.worker_lcores = {0, 1};
  settings.tables.ports = 8;
  PipelineLab lab(settings);
  lab.program_network();
  const PortIndex index = lab.dataplane().ports().find("green-3")->index;
  const unsigned owner = lab.dataplane().ports().find("green-3")->device.worker;
  lab.enqueue("green-1", {udp_frame(kGreen1, kGreen3.mac, kGreen3.ip)});
  lab.dataplane().workers()[1 - owner]->step();  // into the ring, and no further
  lab.programmer().remove_port("green-3");
  lab.dataplane().tick();
  lab.make_rings("stranger");
  // All free indexes are taken until the one in question is.
  for (int i = 0; lab.dataplane().ports().find("stranger") == nullptr; ++i) {
    ASSERT_LT(i, 8);
    const Station station{Ipv4Address{0x0a630000 + static_cast<std::uint32_t>(i)},
                          MacAddress::from_number(0x020000630000 + static_cast<std::uint64_t>(i))};
    auto config = PipelineLab::port_config("stranger", Vni::from_trusted(9000), station);
    ASSERT_FALSE(lab.programmer().set(config));
    if (lab.dataplane().ports().find("stranger")->index != index) {
      lab.programmer().remove_port("stranger");
      config.id = "filler-" + std::to_string(i);
      config.attachment = "null:";
      ASSERT_FALSE(lab.programmer().set(config));
    }
  }
  lab.walk();
  EXPECT_TRUE(lab.take("stranger").empty());
  EXPECT_EQ(lab.all_drops().at("none egress_port_down"), 1U);
}

// A device that EAL has found, such as a network card: it can be had again by another port.
TEST(Programming, ADpdkDeviceIsBorrowed) {
  start_eal();
  ASSERT_EQ(rte_eal_hotplug_add("vdev", "net_null7", "no-rx=1"), 0);
  {
    PipelineLab lab;
    auto config = PipelineLab::port_config("borrower", kGreen, kRed2);
    config.attachment = "dev:net_null7";
    for (int time = 0; time < 2; ++time) {
      ASSERT_FALSE(lab.programmer().set(config));
      EXPECT_EQ(lab.dataplane().ports().view("borrower").state, PortAttachState::kAttached)
          << lab.dataplane().ports().view("borrower").detail;
      EXPECT_EQ(lab.dataplane().ports().view("borrower").driver, "net_null");
      lab.send("green-1", {udp_frame(kGreen1, kRed2.mac, kRed2.ip)});
      EXPECT_EQ(lab.dataplane().ports().find("borrower")->counters->tx_packets.read(), 1U);

      auto second = config;
      second.id = "second";
      second.mac = kGreen2.mac;
      second.fixed_ips.clear();
      ASSERT_FALSE(lab.programmer().set(second));
      EXPECT_EQ(lab.dataplane().ports().view("second").state, PortAttachState::kFailed);
      lab.programmer().remove_port("second");
      lab.programmer().remove_port("borrower");
    }
    config.attachment = "dev:0000:ff:00.0";
    ASSERT_FALSE(lab.programmer().set(config));
    EXPECT_NE(lab.dataplane().ports().view("borrower").detail.find("--pci"), std::string::npos);
  }
  EXPECT_EQ(rte_eal_hotplug_remove("vdev", "net_null7"), 0);
}

TEST(Programming, RefusedObjectsNameTheField) {
  PipelineLab lab;
  auto port = PipelineLab::port_config("bad", kGreen, kGreen1);
  port.attachment = "floppy:0";
  EXPECT_EQ(lab.programmer().set(port)->field, "attachment");
  port.attachment = "null:";
  port.mac = kBroadcastMac;
  EXPECT_EQ(lab.programmer().set(port)->field, "mac");
  port.id.clear();
  EXPECT_EQ(lab.programmer().set(port)->field, "id");
  auto segment = PipelineLab::segment_config(kGreen);
  segment.mtu = 10;
  EXPECT_EQ(lab.programmer().set(segment)->field, "mtu");
  auto neighbor = numbered_neighbor(1);
  neighbor.vtep = IpAddress{kOwnVtep};
  EXPECT_EQ(lab.programmer().set(neighbor)->field, "vtep");
}

// A worker forwards while the control thread changes everything it looks at. What is checked is
// that nothing crashes or leaks (this test is for the sanitizers) and that the untouched pair of
// ports loses no packet.
TEST(Programming, WorkersForwardWhileTablesChange) {
  PipelineLab lab;
  lab.walk();
  Worker& worker = *lab.dataplane().workers().front();
  const std::uint64_t buffers = lab.buffers_in_use();
  const std::size_t tunnels = lab.dataplane().tunnels().view().size();
  std::jthread thread([&](const std::stop_token& stop) {
    lab.dataplane().quiescence().register_worker(0);
    while (!stop.stop_requested()) {
      worker.step();
    }
    lab.dataplane().quiescence().unregister_worker(0);
  });
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  for (std::uint32_t round = 0; round < 300; ++round) {
    lab.enqueue("green-1", {udp_frame(kGreen1, kGreen3.mac, kGreen3.ip),
                            udp_frame(kGreen1, kGreen2.mac, kGreen2.ip),
                            udp_frame(kGreen1, kGreenGatewayMac, kRed2.ip)});
    ++sent;
    for (std::uint32_t i = 0; i < 20; ++i) {
      ASSERT_FALSE(lab.programmer().set(numbered_neighbor(i)));
    }
    auto moving = PipelineLab::neighbor_config(kGreen, kGreen2);
    moving.vtep = IpAddress{Ipv4Address{0x0a000002 + round % 2}};
    ASSERT_FALSE(lab.programmer().set(moving));
    ASSERT_FALSE(lab.programmer().set(PipelineLab::segment_config(kRed)));
    auto transient = PipelineLab::port_config("transient", kGreen, kRed2);
    transient.attachment = "null:";
    ASSERT_FALSE(lab.programmer().set(transient));
    lab.programmer().remove_port("transient");
    const RouteKey route{kRouter, *IpPrefix::parse("10.2.0.12/32")};
    ASSERT_FALSE(lab.programmer().set(RouteConfig{route, BlackholeAction{}}));
    lab.programmer().remove_route(route);
    for (std::uint32_t i = 0; i < 20; ++i) {
      lab.programmer().remove_neighbor(numbered_neighbor(i).key);
    }
    lab.dataplane().tick();
    received += lab.take("green-3").size();
    lab.take("up");
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (received < sent && std::chrono::steady_clock::now() < deadline) {
    received += lab.take("green-3").size();
  }
  thread.request_stop();
  thread.join();
  EXPECT_EQ(received, sent);
  lab.walk();
  lab.take("up");
  EXPECT_EQ(lab.buffers_in_use(), buffers);
  EXPECT_LE(lab.dataplane().tunnels().view().size(), tunnels);
}

}  // namespace
}  // namespace alkaid::test
