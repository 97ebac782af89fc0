// Programming: idempotence, full tables, limits, memory that comes back, and workers that run
// meanwhile.
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

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
  const std::uint64_t before = lab.dataplane().tables().neighbors.occupancy()[0].used;
  std::uint32_t stored = 0;
  ObjectResult refused;
  for (std::uint32_t i = 0; i < 2000 && !refused; ++i) {
    refused = lab.programmer().set(numbered_neighbor(i));
    stored += refused ? 0 : 1;
  }
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, ObjectErrorCode::kTableFull);
  // Local ports' MACs share the table of MACs, which fills first.
  EXPECT_GE(stored + before, 1019U);
  EXPECT_LE(stored + before, 1024U);
  lab.programmer().remove_neighbor({kGreen, numbered_neighbor(0).key.ip});
  lab.walk();
  EXPECT_FALSE(lab.programmer().set(numbered_neighbor(5000)));
  // Everything goes again, and all of it can be stored once more.
  for (std::uint32_t i = 0; i < stored; ++i) {
    lab.programmer().remove_neighbor({kGreen, numbered_neighbor(i).key.ip});
  }
  lab.programmer().remove_neighbor({kGreen, numbered_neighbor(5000).key.ip});
  lab.walk();
  EXPECT_EQ(lab.dataplane().tables().neighbors.occupancy()[0].used, before);
  for (std::uint32_t i = 0; i < stored; ++i) {
    ASSERT_FALSE(lab.programmer().set(numbered_neighbor(i))) << i;
  }
}

TEST(Programming, PortsComeAndGoWithoutLeavingAnythingBehind) {
  PipelineLab lab;
  const auto tables = [&lab] {
    std::vector<std::uint64_t> used{lab.dataplane().tables().segments.occupancy().used};
    for (const auto& table : lab.dataplane().tables().neighbors.occupancy()) {
      used.push_back(table.used);
    }
    return used;
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
  std::atomic<bool> stop{false};
  std::thread thread([&] {
    lab.dataplane().quiescence().register_worker(0);
    while (!stop.load()) {
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
  stop = true;
  thread.join();
  EXPECT_EQ(received, sent);
}

}  // namespace
}  // namespace alkaid::test
