#include "control/agent/durable/archive.hpp"

#include <gtest/gtest.h>

#include "control/agent/durable/batch.hpp"
#include "control/agent/durable/record_fields.hpp"
#include "control/agent/durable/record_keys.hpp"

namespace alkaid::agent::durable {
namespace {

template <class Record>
std::string bytes_of(const Record& record) {
  std::string bytes;
  Writer{bytes}(record);
  return bytes;
}

template <class Record>
void expect_round_trip(const Record& record) {
  const std::string bytes = bytes_of(record);
  Record read;
  Reader reader{bytes};
  reader(read);
  EXPECT_TRUE(reader.at_end());
  EXPECT_EQ(read, record);
  // Cut anywhere, or longer, it is no record.
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Record cut;
    Reader of_less{std::string_view{bytes}.substr(0, size)};
    of_less(cut);
    EXPECT_FALSE(of_less.at_end());
  }
  Record longer;
  const std::string more = bytes + '\0';
  Reader of_more{more};
  of_more(longer);
  EXPECT_FALSE(of_more.at_end());
}

SubnetSpec subnet_with_everything() {
  SubnetSpec subnet;
  subnet.vpc_id = "vpc";
  subnet.cidr = *IpPrefix::parse("2001:db8::/64");
  subnet.vni = *Vni::from_number(Vni::kMax);
  subnet.has_gateway = true;
  subnet.gateway = {*IpAddress::parse("10.0.1.1"), *MacAddress::parse("02:00:00:00:00:01")};
  subnet.dhcp_enabled = true;
  subnet.dns_servers = {*IpAddress::parse("10.0.0.53"), *IpAddress::parse("2001:db8::53")};
  subnet.mtu = 1400;
  subnet.lease_seconds = 0xffffffff;
  subnet.domain_name = "example";
  subnet.domain_search = {"a", ""};
  subnet.ipv6_address_mode = Ipv6AddressMode::kSlaac;
  subnet.dhcpv4_options = {{66, std::string{"a\0b", 3}}};
  return subnet;
}

TEST(Archive, EveryRecordComesBackAsItWas) {
  expect_round_trip(PlaceRecord{"subnet", *Vni::from_number(7)});
  expect_round_trip(VpcSpec{false, {}, "name", IpPrefix::parse("10.0.0.0/8"), {"a", "b"}});
  expect_round_trip(subnet_with_everything());
  expect_round_trip(SubnetSpec{});
  PortSpec port;
  port.fixed_ips = {{"subnet", *IpAddress::parse("10.0.1.9")}};
  port.address_pairs = {{*IpPrefix::parse("10.0.0.0/8"), {}}};
  port.security_group_ids = {"a"};
  port.admin_up = true;
  expect_round_trip(port);
  expect_round_trip(NeighborRow{*MacAddress::parse("02:00:00:00:00:01"),
                                *IpAddress::parse("172.16.0.1"), ~StationKey{0}});
  expect_round_trip(StationRecord{{"group"}, {*IpAddress::parse("10.0.1.9")}});
  expect_round_trip(DhcpRow{*IpAddress::parse("10.0.1.9"), {}, "host"});
  expect_round_trip(GroupRecord{true, "vpc", "name"});
  VpcGatewaySpec gateway;
  gateway.type = GatewayType::kArion;
  gateway.destinations = {{*IpAddress::parse("172.16.0.9"), {}}};
  expect_round_trip(gateway);
  RoutingRuleSpec rule;
  rule.destination = IpPrefix::parse("0.0.0.0/0");
  rule.via = RouteVia::kInternet;
  expect_round_trip(rule);
  SecurityRuleSpec allowed;
  allowed.protocol = SecurityProtocol::kArp;
  allowed.port_max = 65535;
  expect_round_trip(allowed);
}

TEST(Archive, LengthsOutOfNowhereAskForNoMemory) {
  std::string bytes;
  Writer{bytes}(std::uint32_t{0xffffffff});
  std::string text;
  Reader of_text{bytes};
  of_text(text);
  EXPECT_FALSE(of_text.ok());
  std::vector<IpAddress> list;
  Reader of_list{bytes};
  of_list(list);
  EXPECT_FALSE(of_list.ok());
  EXPECT_TRUE(list.empty());
}

TEST(Archive, WhatNoRecordHoldsIsRefused) {
  const std::string bytes{"\x07\xff\xff\xff\x7f", 5};
  GatewayType type{};
  Reader of_type{bytes};
  of_type(type);
  EXPECT_FALSE(of_type.ok());
  bool flag = false;
  Reader of_flag{bytes};
  of_flag(flag);
  EXPECT_FALSE(of_flag.ok());
  Vni vni;
  Reader of_vni{std::string_view{bytes}.substr(1)};
  of_vni(vni);
  EXPECT_FALSE(of_vni.ok());
}

TEST(RecordKeys, SayWhereNeighborsAre) {
  for (const char* text : {"10.0.1.9", "2001:db8::9"}) {
    const IpAddress address = *IpAddress::parse(text);
    const RecordKey key{RecordType::kNeighbor, 0x01020304, address};
    std::uint32_t place = 0;
    IpAddress parsed;
    EXPECT_TRUE(parse_key(key.bytes(), place, parsed));
    EXPECT_EQ(place, 0x01020304U);
    EXPECT_EQ(parsed, address);
    EXPECT_FALSE(parse_key(key.bytes().substr(1), place, parsed));
  }
}

TEST(Batch, KeepsOneOfEveryKeyOnceThereIsALot) {
  Batch batch;
  const std::string list(std::size_t{64} << 10, 'x');
  for (int i = 0; i < 3000; ++i) {
    batch.put("erased", [](std::string& out) { out += "y"; });
    batch.put("list", [&](std::string& out) { out += list + std::to_string(i); });
    batch.erase("erased");
  }
  EXPECT_LT(batch.size(), 5000U);
  const auto operations = batch.sorted();
  ASSERT_EQ(operations.size(), 2U);
  EXPECT_TRUE(operations[0].is_erase);
  EXPECT_EQ(operations[1].key, "list");
  EXPECT_EQ(checked_record("list", operations[1].value), list + "2999");
}

TEST(Batch, IsSortedAndTheLastOfAKeyCounts) {
  Batch batch;
  const auto put = [&batch](std::string_view key, std::string_view value) {
    batch.put(key, [value](std::string& out) { out += value; });
  };
  put("a-key-of-more-than-16-bytes-2", "1");
  put("b", "2");
  put("a-key-of-more-than-16-bytes-1", "3");
  put("b", "4");
  put("a", "5");
  batch.erase("a");
  std::string told;
  for (const auto& operation : batch.sorted()) {
    told += std::string{operation.key} + "=" +
            std::string{operation.is_erase ? std::string_view{}
                                           : *checked_record(operation.key, operation.value)} +
            (operation.is_erase ? "gone " : " ");
  }
  EXPECT_EQ(told, "a=gone a-key-of-more-than-16-bytes-1=3 a-key-of-more-than-16-bytes-2=1 b=4 ");
}

}  // namespace
}  // namespace alkaid::agent::durable
