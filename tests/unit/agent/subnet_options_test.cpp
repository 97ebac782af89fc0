// A subnet's extra_dhcp_options: names, numbers, values, refusals, and what becomes of them.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/agent_host.hpp"

namespace alkaid::agent::test {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::string_literals;

struct Given {
  const char* name;
  const char* value;
};

const std::string k205(205, 'x');
const std::string k256(256, 'x');
const std::string k1025(1025, 'x');
const std::string kLongLabel = std::string(64, 'x') + ".example";
const std::string kLongDomain = "a." + std::string(300, 'x');

void add_options(schema::SubnetState& state, const std::vector<Given>& options) {
  for (const Given& option : options) {
    auto& added = *state.mutable_configuration()->add_extra_dhcp_options();
    added.set_name(option.name);
    added.set_value(option.value);
  }
}

schema::SubnetState v4_with(const std::vector<Given>& options) {
  auto state = green();
  add_options(state, options);
  return state;
}

schema::SubnetState v6_subnet(const std::string& id = "green6", std::uint64_t vni = 106) {
  schema::SubnetState state;
  auto& configuration = *state.mutable_configuration();
  configuration.set_id(id);
  configuration.set_vpc_id("vpc");
  configuration.set_cidr("2001:db8:1::/64");
  configuration.set_tunnel_id(vni);
  configuration.set_dhcp_enable(true);
  configuration.mutable_gateway()->set_ip_address("2001:db8:1::1");
  configuration.mutable_gateway()->set_mac_address("02:00:00:00:00:01");
  return state;
}

schema::SubnetState v6_with(const std::vector<Given>& options) {
  auto state = v6_subnet();
  add_options(state, options);
  return state;
}

std::string hex(const std::string& bytes) {
  std::string out;
  for (const char c : bytes) {
    constexpr const char* kDigits = "0123456789abcdef";
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

struct Encoding {
  const char* label;
  bool v6;
  Given option;
  std::uint32_t code;
  const char* bytes;  // in hexadecimal, or the text itself after "="
};

// The programmed options of one protocol, as "code=hex".
std::vector<std::string> options_of(
    const google::protobuf::RepeatedPtrField<api::DhcpOption>& options) {
  std::vector<std::string> out;
  for (const auto& option : options) {
    out.push_back(std::to_string(option.code()) + "=" + hex(option.data()));
  }
  return out;
}

class DhcpOptionEncoding : public ::testing::TestWithParam<Encoding> {};

TEST_P(DhcpOptionEncoding, ReachesTheSegment) {
  const Encoding& item = GetParam();
  FakeDataplane tables;
  Host host{tables};
  ASSERT_THAT(host.push(item.v6 ? v6_with({item.option}) : v4_with({item.option})),
              Each(Status::kSuccess));
  const auto& segment = tables.segments.at(item.v6 ? 106 : 101);
  const std::string expected =
      std::to_string(item.code) + "=" + (item.bytes[0] == '=' ? hex(item.bytes + 1) : item.bytes);
  const bool is_v6_option = item.v6 && !std::string_view{item.option.name}.starts_with("option:");
  EXPECT_THAT(options_of(is_v6_option ? segment.dhcpv6_options() : segment.dhcpv4_options()),
              ElementsAre(expected));
  EXPECT_THAT(options_of(is_v6_option ? segment.dhcpv4_options() : segment.dhcpv6_options()),
              IsEmpty());
}

const std::vector<Encoding> kEncodings = {
    {"Address", false, {"netmask", "255.255.254.0"}, 1, "fffffe00"},
    {"Addresses", false, {"ntp-server", "192.0.2.1, 192.0.2.2"}, 42, "c0000201c0000202"},
    {"ByNumber", false, {"42", "192.0.2.1"}, 42, "c0000201"},
    {"ByPrefixedNumber", false, {"option:42", "192.0.2.1"}, 42, "c0000201"},
    {"ByPrefixedName", false, {"option:ntp-server", "192.0.2.1"}, 42, "c0000201"},
    {"UpperCase", false, {"NTP-Server", "192.0.2.1"}, 42, "c0000201"},
    {"Text", false, {"bootfile-name", "pxelinux.0"}, 67, "=pxelinux.0"},
    {"TftpServer", false, {"tftp-server", "boot.example"}, 66, "=boot.example"},
    {"NextServer", false, {"server-ip-address", "192.0.2.9"}, 66, "=192.0.2.9"},
    {"NextServerByNumber", false, {"255", "192.0.2.9"}, 66, "=192.0.2.9"},
    {"Number8", false, {"default-ttl", "64"}, 23, "40"},
    {"Number16", false, {"boot-file-size", "4660"}, 13, "1234"},
    {"Number32", false, {"t1", "3600"}, 58, "00000e10"},
    {"Signed32", false, {"time-offset", "-3600"}, 2, "fffff1f0"},
    {"Switch", false, {"ip-forward-enable", "off"}, 19, "00"},
    {"Pairs", false, {"static-route", "10.9.0.1,10.0.1.9"}, 33, "0a0900010a000109"},
    // RFC 3442's own examples of significant octets.
    {"Routes",
     false,
     {"classless-static-route",
      "0.0.0.0/0,10.0.1.1,10.17.0.0/16,10.0.1.2,10.229.0.128/25,10.0.1.3"},
     121,
     "000a000101"
     "100a110a000102"
     "190ae500800a000103"},
    {"RoutesBits", false, {"121", "10.27.129.7/23,10.0.1.1"}, 121, "170a1b800a000101"},
    {"NetbiosNames", false, {"netbios-ns", "192.0.2.1"}, 44, "c0000201"},
    {"Wpad", false, {"wpad", "http://wpad/"}, 252, "=http://wpad/"},
    {"VendorBytes", false, {"vendor-encap", "06:01:08"}, 43, "060108"},
    {"UnknownText", false, {"224", "site"}, 224, "=site"},
    {"UnknownHex", false, {"224", "0xDEADbeef"}, 224, "deadbeef"},
    {"UnknownColons", false, {"224", "de:ad"}, 224, "dead"},
    {"UnknownNotQuiteHex", false, {"224", "de:a"}, 224, "=de:a"},
    {"V6SipServer",
     true,
     {"sip-server", "2001:db8::1,[2001:db8::2]"},
     22,
     "20010db8000000000000000000000001"
     "20010db8000000000000000000000002"},
    {"V6TimeServer",
     true,
     {"ntp-server", "2001:db8::1"},
     56,
     "00010010"
     "20010db8000000000000000000000001"},
    {"V6Domains",
     true,
     {"nis-domain", "a.example,b."},
     29,
     "0161"
     "076578616d706c65"
     "00"
     "0162"
     "00"},
    {"V6Url", true, {"bootfile-url", "tftp://[::1]/x"}, 59, "=tftp://[::1]/x"},
    {"V6ByNumber", true, {"option6:59", "u"}, 59, "75"},
    {"V6Unknown", true, {"1000", "0x01"}, 1000, "01"},
    {"V4OptionOnV6Subnet", true, {"option:42", "192.0.2.1"}, 42, "c0000201"},
};
INSTANTIATE_TEST_SUITE_P(All, DhcpOptionEncoding, ::testing::ValuesIn(kEncodings),
                         [](const auto& info) { return info.param.label; });

struct Refused {
  const char* label;
  bool v6;
  Given option;
  const char* field;    // after configuration.extra_dhcp_options[1]
  const char* message;  // part of it
};

class DhcpOptionRefusal : public ::testing::TestWithParam<Refused> {};

TEST_P(DhcpOptionRefusal, NamesFieldValueAndWayOut) {
  const Refused& item = GetParam();
  FakeDataplane tables;
  Host host{tables};
  const std::vector<Given> options = {{"option:42", "192.0.2.1"}, item.option};
  ASSERT_THAT(host.push(item.v6 ? v6_with(options) : v4_with(options)),
              ElementsAre(Status::kInvalidArgument));
  EXPECT_TRUE(tables.segments.empty());
  const auto report = host.report();
  ASSERT_EQ(report.refused_size(), 1);
  const bool of_name = item.field == ".name"s;
  EXPECT_EQ(report.refused(0).field(), "configuration.extra_dhcp_options[1]"s + item.field);
  EXPECT_THAT(report.refused(0).value(),
              ::testing::StartsWith(
                  (of_name ? std::string{item.option.name} : item.option.value).substr(0, 100)));
  EXPECT_THAT(report.refused(0).message(), HasSubstr(item.message));
  if (!of_name) {
    EXPECT_THAT(report.refused(0).message(), HasSubstr(item.option.name));
  }
}

const std::vector<Refused> kRefused = {
    {"UnknownName", false, {"ntp", "192.0.2.1"}, ".name", "give its number"},
    {"EmptyName", false, {"", "1"}, ".name", "give its number"},
    {"NumberZero", false, {"0", "1"}, ".name", "1 to 254"},
    {"NumberTooLarge", false, {"256", "1"}, ".name", "1 to 254"},
    {"V6NumberTooLarge", true, {"65536", "1"}, ".name", "1 to 65535"},
    {"MessageType", false, {"53", "5"}, ".name", "DHCPv4 itself decides"},
    {"ServerIdentifier", false, {"54", "192.0.2.1"}, ".name", "DHCPv4 itself decides"},
    {"RequestedAddress", false, {"50", "192.0.2.1"}, ".name", "DHCPv4 itself decides"},
    {"Overload", false, {"52", "1"}, ".name", "DHCPv4 itself decides"},
    {"ParameterRequest", false, {"55", "1"}, ".name", "DHCPv4 itself decides"},
    {"MaximumSize", false, {"57", "576"}, ".name", "DHCPv4 itself decides"},
    {"ClientId", false, {"61", "0x01"}, ".name", "DHCPv4 itself decides"},
    {"RelayAgent", false, {"82", "0x01"}, ".name", "DHCPv4 itself decides"},
    {"V6ServerId", true, {"server-id", "0x01"}, ".name", "DHCPv6 itself decides"},
    {"V6NameOfV4", true, {"netmask", "255.0.0.0"}, ".name", "give its number"},
    {"BadAddress", false, {"ntp-server", "192.0.2.1,ntp.example"}, ".value", "IPv4 addresses"},
    {"NoAddress", false, {"ntp-server", " , "}, ".value", "IPv4 addresses"},
    {"OtherFamily", false, {"ntp-server", "2001:db8::1"}, ".value", "IPv4 addresses"},
    {"V6OtherFamily", true, {"sip-server", "192.0.2.1"}, ".value", "IPv6 addresses"},
    {"OnePairHalf", false, {"static-route", "10.9.0.1"}, ".value", "even number"},
    {"BadNumber", false, {"default-ttl", "256"}, ".value", "0 to 255"},
    {"NegativeNumber", false, {"t1", "-1"}, ".value", "0 to 4294967295"},
    {"NumberWithTail", false, {"t1", "1x"}, ".value", "0 to 4294967295"},
    {"BadSwitch", false, {"ip-forward-enable", "maybe"}, ".value", "1 or 0"},
    {"BadRoute",
     false,
     {"classless-static-route", "10.0.0.0/33,10.0.1.1"},
     ".value",
     "10.9.0.0/16"},
    {"RouteWithoutGateway", false, {"121", "10.0.0.0/8"}, ".value", "10.9.0.0/16"},
    {"BadHex", false, {"224", "0x0"}, ".value", "0x0a0b"},
    {"EmptyText", false, {"tftp-server", ""}, ".value", "text"},
    {"TooLong", false, {"tftp-server", k256.c_str()}, ".value", "255 bytes"},
    {"V6TooLong", true, {"bootfile-url", k1025.c_str()}, ".value", "1024 bytes"},
    {"MtuTooSmall", false, {"mtu", "67"}, ".value", "68 to 65535"},
    {"V6MtuTooSmall", true, {"mtu", "1279"}, ".value", "1280 to 65535"},
    {"MtuTooLarge", false, {"mtu", "65536"}, ".value", "0 to 65535"},
    {"LeaseZero", false, {"lease-time", "0"}, ".value", "at least 1 second"},
    {"LeaseTooLong", false, {"lease-time", "9999999w"}, ".value", "number"},
    {"LeaseNoTime", false, {"lease-time", "soon"}, ".value", "number"},
    {"BadDomain", false, {"domain-name", "a..b"}, ".value", "domain name"},
    {"LongLabel", false, {"domain-search", kLongLabel.c_str()}, ".value", "domain"},
    {"LongDomain", false, {"domain-name", kLongDomain.c_str()}, ".value", "domain name"},
    {"ModeOnV4", false, {"ipv6_ra_mode", "slaac"}, ".name", "IPv6 subnets"},
    {"UnknownMode", true, {"ipv6_address_mode", "auto"}, ".value", "dhcpv6-stateless"},
};
INSTANTIATE_TEST_SUITE_P(All, DhcpOptionRefusal, ::testing::ValuesIn(kRefused),
                         [](const auto& info) { return info.param.label; });

TEST(SubnetOptions, TogetherHaveALimit) {
  FakeDataplane tables;
  Host host{tables};
  std::vector<Given> options;
  for (const char* code : {"224", "225", "226", "227", "228"}) {
    options.push_back({code, k205.c_str()});
  }
  EXPECT_THAT(host.push(v4_with(options)), ElementsAre(Status::kInvalidArgument));
  options.pop_back();
  EXPECT_THAT(host.push(v4_with(options)), ElementsAre(Status::kSuccess));
}

TEST(SubnetOptions, TooManyAreRefused) {
  FakeDataplane tables;
  Host host{tables};
  EXPECT_THAT(host.push(v4_with(std::vector<Given>(1025, Given{"t1", "1"}))),
              ElementsAre(Status::kInvalidArgument));
}

// What more depends on than the option itself is a field of the segment.
TEST(SubnetOptions, FieldsOfTheSegment) {
  FakeDataplane tables;
  Host host{tables};
  ASSERT_THAT(host.push(v4_with({{"mtu", "1400"},
                                 {"lease-time", "12h"},
                                 {"domain-name", "tenant.example"},
                                 {"domain-search", "a.example, b.example"},
                                 {"dns-server", "192.0.2.53,192.0.2.54"}})),
              Each(Status::kSuccess));
  const auto& segment = tables.segments.at(101);
  EXPECT_EQ(segment.mtu(), 1400U);
  EXPECT_EQ(segment.lease_seconds(), 12U * 3600);
  EXPECT_EQ(segment.domain_name(), "tenant.example");
  EXPECT_THAT(segment.domain_search(), ElementsAre("a.example", "b.example"));
  EXPECT_EQ(segment.dns_servers_size(), 2);
  EXPECT_EQ(segment.dhcpv4_options_size(), 0);
}

TEST(SubnetOptions, FieldsByNumber) {
  FakeDataplane tables;
  Host host{tables};
  ASSERT_THAT(host.push(v4_with({{"26", "1401"},
                                 {"51", "77"},
                                 {"15", "n.example"},
                                 {"119", "s.example"},
                                 {"6", "192.0.2.53"}})),
              Each(Status::kSuccess));
  const auto& segment = tables.segments.at(101);
  EXPECT_EQ(segment.mtu(), 1401U);
  EXPECT_EQ(segment.lease_seconds(), 77U);
  EXPECT_EQ(segment.domain_name(), "n.example");
  EXPECT_THAT(segment.domain_search(), ElementsAre("s.example"));
  EXPECT_EQ(segment.dns_servers_size(), 1);
  EXPECT_EQ(segment.dhcpv4_options_size(), 0);
}

TEST(SubnetOptions, FieldsOfAnIpv6Subnet) {
  FakeDataplane tables;
  Host host{tables};
  auto state = v6_with({{"mtu", "1400"},
                        {"lease-time", "infinite"},
                        {"option6:dns-server", "[2001:db8::53]"},
                        {"domain-search", "v6.example"},
                        {"ipv6_ra_mode", "dhcpv6-stateless"},
                        {"ipv6_address_mode", "DHCPv6-Stateless"}});
  state.mutable_configuration()->add_dns_entry_list()->set_entry("2001:db8::1:53");
  ASSERT_THAT(host.push(state), Each(Status::kSuccess));
  const auto& segment = tables.segments.at(106);
  EXPECT_EQ(segment.mtu(), 1400U);
  EXPECT_EQ(segment.lease_seconds(), 0xffffffffU);
  EXPECT_EQ(segment.ipv6_address_mode(), api::IPV6_ADDRESS_MODE_DHCPV6_STATELESS);
  // Instead of dns_entry_list's.
  ASSERT_EQ(segment.dns_servers_size(), 1);
  EXPECT_EQ(segment.dns_servers(0).low(), 0x53U);
  EXPECT_THAT(segment.domain_search(), ElementsAre("v6.example"));
}

TEST(SubnetOptions, ModesThatDifferAreRefused) {
  FakeDataplane tables;
  Host host{tables};
  EXPECT_THAT(
      host.push(v6_with({{"ipv6_ra_mode", "slaac"}, {"ipv6_address_mode", "dhcpv6-stateful"}})),
      ElementsAre(Status::kInvalidArgument));
}

TEST(SubnetOptions, LastOfTheSameCounts) {
  FakeDataplane tables;
  Host host{tables};
  ASSERT_THAT(host.push(v4_with(
                  {{"tftp-server", "one"}, {"66", "two"}, {"server-ip-address", "192.0.2.9"}})),
              Each(Status::kSuccess));
  // An option given as such wins over the address of the next server.
  EXPECT_THAT(options_of(tables.segments.at(101).dhcpv4_options()),
              ElementsAre("66=" + hex("two")));
}

TEST(SubnetOptions, LaterMessagesChangeThem) {
  FakeDataplane tables;
  Host host{tables};
  host.push(v4_with({{"mtu", "1400"}, {"ntp-server", "192.0.2.1"}}));
  const auto operations = tables.operations;
  host.push(v4_with({{"mtu", "1400"}, {"ntp-server", "192.0.2.1"}}));
  EXPECT_EQ(tables.operations, operations) << "a repeated state writes nothing";

  auto changed = v4_with({{"ntp-server", "192.0.2.2"}});
  changed.set_operation_type(schema::UPDATE);
  changed.mutable_configuration()->set_update_type(schema::DELTA);
  host.push(changed);
  EXPECT_EQ(tables.segments.at(101).mtu(), 0U);
  EXPECT_THAT(options_of(tables.segments.at(101).dhcpv4_options()), ElementsAre("42=c0000202"));

  host.push(green());
  EXPECT_EQ(tables.segments.at(101).dhcpv4_options_size(), 0);
}

// One segment has one of each: what the subnets of a VNI say is put together, whoever comes first.
TEST(SubnetOptions, SubnetsOfOneVniShareASegment) {
  auto v4 = v4_with({{"mtu", "1400"}, {"42", "192.0.2.1"}});
  v4.mutable_configuration()->add_dns_entry_list()->set_entry("192.0.2.53");
  v4.mutable_configuration()->set_dhcp_enable(false);
  auto v6 = v6_subnet("green6", 101);
  add_options(v6, {{"mtu", "1300"}, {"option:42", "192.0.2.2"}, {"ipv6_ra_mode", "slaac"}});
  v6.mutable_configuration()->add_dns_entry_list()->set_entry("2001:db8::53");
  for (const bool v4_first : {true, false}) {
    FakeDataplane tables;
    Host host{tables};
    host.push(v4_first ? v4 : v6);
    host.push(v4_first ? v6 : v4);
    const auto& segment = tables.segments.at(101);
    EXPECT_EQ(segment.mtu(), 1400U);
    EXPECT_THAT(options_of(segment.dhcpv4_options()), ElementsAre("42=c0000201"));
    EXPECT_EQ(segment.ipv6_address_mode(), api::IPV6_ADDRESS_MODE_SLAAC);
    EXPECT_EQ(segment.dns_servers_size(), 2);
    EXPECT_EQ(segment.gateways_size(), 2);
    EXPECT_TRUE(segment.dhcp_enabled());
  }
}

TEST(SubnetOptions, BroadcastIsThePolicys) {
  Policy policy;
  policy.broadcast = {true, 0};
  policy.broadcast_by_vni[Vni::from_trusted(102)] = {false, 0};
  policy.broadcast_by_vni[Vni::from_trusted(106)] = {true, 250};
  FakeDataplane tables;
  Host host{tables, true, policy};
  host.push(green());
  host.push(red());
  host.push(v6_subnet());
  EXPECT_EQ(tables.segments.at(101).broadcast(), api::BROADCAST_MODE_REPLICATE);
  EXPECT_EQ(tables.segments.at(101).broadcast_rate(), 0U);
  EXPECT_EQ(tables.segments.at(102).broadcast(), api::BROADCAST_MODE_DROP);
  EXPECT_EQ(tables.segments.at(106).broadcast(), api::BROADCAST_MODE_REPLICATE);
  EXPECT_EQ(tables.segments.at(106).broadcast_rate(), 250U);
}

}  // namespace
}  // namespace alkaid::agent::test
