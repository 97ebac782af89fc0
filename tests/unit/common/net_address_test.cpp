// Text and number forms of MAC addresses, IP addresses, prefixes and VNIs.
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include <gtest/gtest.h>

#include "control/common/net/byte_order.hpp"
#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "control/common/net/vni.hpp"

namespace alkaid {
namespace {

using namespace std::string_view_literals;

struct TextCase {
  std::string_view text;
  std::optional<std::string_view> parsed;  // written back; absent: refused
};

TEST(MacAddress, Text) {
  const TextCase cases[] = {
      {"02:00:00:ab:cd:ef", "02:00:00:ab:cd:ef"},
      {"02:00:00:AB:CD:EF", "02:00:00:ab:cd:ef"},
      {"6c:dd:ee:0:0:40", "6c:dd:ee:00:00:40"},
      {"AA-BB-CC-C5-19-8F", "aa:bb:cc:c5:19:8f"},
      {"0:0:0:0:0:0", "00:00:00:00:00:00"},
      {"ff:ff:ff:ff:ff:ff", "ff:ff:ff:ff:ff:ff"},
      {"", {}},
      {":", {}},
      {":::::", {}},
      {"02:00:00:ab:cd", {}},
      {"02:00:00:ab:cd:", {}},
      {":02:00:00:ab:cd:ef", {}},
      {"02:00:00:ab:cd:ef:", {}},
      {"02:00:00:ab:cd:ef:01", {}},
      {"02:00:00:ab:cd:ef ", {}},
      {" 02:00:00:ab:cd:ef", {}},
      {"02:00:00:ab:cd:0ef", {}},
      {"02:00:00-ab-cd-ef", {}},
      {"02:00:00:ab:cd:eg", {}},
      {"020000abcdef", {}},
      {"0200.00ab.cdef", {}},
      {"+2:00:00:ab:cd:ef", {}},
      {"-2:00:00:ab:cd:ef", {}},
      {"0x2:0:0:0:0:0", {}},
      {"02:00:00:ab:cd:ef\0"sv, {}},
      {"02:00:00:ab:cd\0ef"sv, {}},
      {"02 00 00 ab cd ef", {}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    const auto mac = MacAddress::parse(c.text);
    ASSERT_EQ(mac.has_value(), c.parsed.has_value());
    if (mac) {
      EXPECT_EQ(mac->to_string(), *c.parsed);
    }
  }
}

TEST(MacAddress, NumbersAndKinds) {
  const auto mac = MacAddress::from_number(0x020000abcdef);
  EXPECT_EQ(mac.bytes(), (std::array<std::uint8_t, 6>{2, 0, 0, 0xab, 0xcd, 0xef}));
  EXPECT_EQ(mac.number(), 0x020000abcdefULL);
  EXPECT_EQ(MacAddress::from_number(0xffff020000abcdef), mac);
  EXPECT_TRUE(mac.is_unicast());
  EXPECT_FALSE(MacAddress{}.is_unicast());
  EXPECT_FALSE(kBroadcastMac.is_unicast());
  EXPECT_TRUE(kBroadcastMac.is_multicast());
  EXPECT_TRUE(kBroadcastMac.is_broadcast());
  const auto multicast = MacAddress::from_number(0x01005e000001);
  EXPECT_TRUE(multicast.is_multicast());
  EXPECT_FALSE(multicast.is_broadcast());
  EXPECT_TRUE(has_host_dvr_prefix(MacAddress::from_number(0xfe1611ffffff)));
  EXPECT_FALSE(has_host_dvr_prefix(MacAddress::from_number(0xfe1612000000)));
}

TEST(IpAddress, Text) {
  const TextCase cases[] = {
      {"10.0.0.1", "10.0.0.1"},
      {"0.0.0.0", "0.0.0.0"},
      {"255.255.255.255", "255.255.255.255"},
      {"2001:DB8::1", "2001:db8::1"},
      {"::", "::"},
      {"fe80::1", "fe80::1"},
      {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
      {"2001:db8::10.0.0.1", "2001:db8::a00:1"},
      // The mapped form means the IPv4 address (RFC 4291, 2.5.5.2).
      {"::ffff:10.0.0.1", "10.0.0.1"},
      {"", {}},
      {"10", {}},
      {"10.0.0", {}},
      {"10.0.0.", {}},
      {"10.0.0.256", {}},
      {"10.0.0.1.2", {}},
      {"010.0.0.1", {}},
      {"0x0a.0.0.1", {}},
      {"-1.0.0.1", {}},
      {"10.0.0.1 ", {}},
      {" 10.0.0.1", {}},
      {"10.0.0.1/24", {}},
      {"10.0.0.1\0"sv, {}},
      {"10.0.0.1\0x"sv, {}},
      {":::", {}},
      {"1::2::3", {}},
      {"1:2:3:4:5:6:7", {}},
      {"1:2:3:4:5:6:7:8:9", {}},
      {"12345::", {}},
      {"fe80::1%eth0", {}},
      {"[::1]", {}},
      {"0000:0000:0000:0000:0000:0000:255.255.255.255", "::255.255.255.255"},
      {"0000:0000:0000:0000:0000:0000:255.255.255.2555", {}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    const auto ip = IpAddress::parse(c.text);
    ASSERT_EQ(ip.has_value(), c.parsed.has_value());
    if (ip) {
      EXPECT_EQ(ip->to_string(), *c.parsed);
      EXPECT_EQ(IpAddress::parse(ip->to_string()), ip);
    }
  }
  EXPECT_FALSE(IpAddress::parse(std::string(100000, '1')));
  EXPECT_FALSE(Ipv4Address::parse("::1"));
}

TEST(IpAddress, Ipv4IsHeldAsMapped) {
  const IpAddress ip{Ipv4Address{0x0a000001}};
  EXPECT_TRUE(ip.is_v4());
  EXPECT_EQ(ip.high(), 0U);
  EXPECT_EQ(ip.low(), 0xffff0a000001ULL);
  EXPECT_EQ(ip.v4(), Ipv4Address{0x0a000001});
  EXPECT_FALSE(IpAddress{}.is_v4());
  EXPECT_TRUE(IpAddress{}.is_unset());
  EXPECT_FALSE(IpAddress{Ipv4Address{}}.is_unset());
  const auto v6 = IpAddress::from_numbers(0x20010db800000000, 0x0123456789abcdef);
  EXPECT_EQ(v6.high(), 0x20010db800000000ULL);
  EXPECT_EQ(v6.low(), 0x0123456789abcdefULL);
  EXPECT_EQ(v6.to_string(), "2001:db8::123:4567:89ab:cdef");
}

TEST(IpAddress, Ipv4Kinds) {
  struct {
    std::string_view text;
    bool host, multicast, loopback, broadcast;
  } const cases[] = {
      {"10.0.0.1", true, false, false, false},        {"0.0.0.0", false, false, false, false},
      {"0.1.2.3", false, false, false, false},        {"1.0.0.0", true, false, false, false},
      {"127.0.0.1", false, false, true, false},       {"128.0.0.1", true, false, false, false},
      {"223.255.255.255", true, false, false, false}, {"224.0.0.1", false, true, false, false},
      {"239.255.255.255", false, true, false, false}, {"240.0.0.1", false, false, false, false},
      {"255.255.255.255", false, false, false, true},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    const auto ip = Ipv4Address::parse(c.text);
    ASSERT_TRUE(ip);
    EXPECT_EQ(ip->is_host_address(), c.host);
    EXPECT_EQ(ip->is_multicast(), c.multicast);
    EXPECT_EQ(ip->is_loopback(), c.loopback);
    EXPECT_EQ(ip->is_broadcast(), c.broadcast);
  }
}

TEST(IpPrefix, Text) {
  const TextCase cases[] = {
      {"10.0.0.0/24", "10.0.0.0/24"},
      {"10.0.0.7/24", "10.0.0.7/24"},
      {"10.0.0.7", "10.0.0.7/32"},
      {"0.0.0.0/0", "0.0.0.0/0"},
      {"10.0.0.7/32", "10.0.0.7/32"},
      {"2001:db8::/64", "2001:db8::/64"},
      {"::/0", "::/0"},
      {"2001:db8::1", "2001:db8::1/128"},
      {"2001:db8::1/128", "2001:db8::1/128"},
      {"", {}},
      {"/", {}},
      {"/24", {}},
      {"10.0.0.0/", {}},
      {"10.0.0.0/33", {}},
      {"2001:db8::/129", {}},
      {"10.0.0.0/-1", {}},
      {"10.0.0.0/+8", {}},
      {"10.0.0.0/ 8", {}},
      {"10.0.0.0/8 ", {}},
      {"10.0.0.0/8/8", {}},
      {"10.0.0.0/0x8", {}},
      {"10.0.0.0/8\0"sv, {}},
      {"10.0.0.0/255.0.0.0", {}},
      {"10.0.0.0/4294967296", {}},
      {"10.0.0.0/99999999999999999999", {}},
      {"10.0.0/8", {}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    const auto prefix = IpPrefix::parse(c.text);
    ASSERT_EQ(prefix.has_value(), c.parsed.has_value());
    if (prefix) {
      EXPECT_EQ(prefix->to_string(), *c.parsed);
    }
  }
}

TEST(IpPrefix, MasksAndContains) {
  struct {
    std::string_view prefix, masked;
    std::string_view inside, outside;  // outside empty: everything of the family is inside
  } const cases[] = {
      {"10.1.2.3/0", "0.0.0.0/0", "255.255.255.255", ""},
      {"10.1.2.3/1", "0.0.0.0/1", "127.255.255.255", "128.0.0.0"},
      {"10.1.2.3/8", "10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
      {"10.1.2.3/31", "10.1.2.2/31", "10.1.2.2", "10.1.2.4"},
      {"10.1.2.3/32", "10.1.2.3/32", "10.1.2.3", "10.1.2.2"},
      {"2001:db8::1/0", "::/0", "ffff::", ""},
      {"2001:db8::1/32", "2001:db8::/32", "2001:db8:ffff::", "2001:db9::"},
      {"2001:db8:1:2:3::/63", "2001:db8:1:2::/63", "2001:db8:1:3:ffff::", "2001:db8:1:4::"},
      {"2001:db8:1:2:3::/64", "2001:db8:1:2::/64", "2001:db8:1:2:ffff::", "2001:db8:1:3::"},
      {"2001:db8:1:2:ffff::/65", "2001:db8:1:2:8000::/65", "2001:db8:1:2:8000::1",
       "2001:db8:1:2:7fff::"},
      {"2001:db8::3/127", "2001:db8::2/127", "2001:db8::2", "2001:db8::4"},
      {"2001:db8::3/128", "2001:db8::3/128", "2001:db8::3", "2001:db8::2"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.prefix);
    const auto prefix = IpPrefix::parse(c.prefix);
    ASSERT_TRUE(prefix);
    EXPECT_EQ(prefix->masked().to_string(), c.masked);
    EXPECT_TRUE(prefix->contains(*IpAddress::parse(c.inside)));
    if (!c.outside.empty()) {
      EXPECT_FALSE(prefix->contains(*IpAddress::parse(c.outside)));
    }
    const std::string_view other_family = prefix->address.is_v4() ? "2001:db8::1" : "10.1.2.3";
    EXPECT_FALSE(prefix->contains(*IpAddress::parse(other_family)));
  }
}

TEST(IpPrefix, Ipv4Netmasks) {
  for (unsigned length = 0; length <= 32; ++length) {
    EXPECT_EQ(ipv4_netmask(static_cast<std::uint8_t>(length)),
              static_cast<std::uint32_t>(~0ULL << (32 - length)));
  }
}

TEST(Vni, Range) {
  struct {
    std::uint64_t number;
    bool valid;
  } const cases[] = {
      {0, false},         {1, true},           {0xffffff, true},
      {0x1000000, false}, {0xffffffff, false}, {0x100000001, false},
  };
  for (const auto& c : cases) {
    const auto vni = Vni::from_number(c.number);
    ASSERT_EQ(vni.has_value(), c.valid) << c.number;
    if (vni) {
      EXPECT_EQ(vni->number(), c.number);
    }
  }
  EXPECT_EQ(Vni::from_trusted(0x1abcdef).number(), 0xabcdefU);
}

TEST(ByteOrder, LiesBigEndianInMemory) {
  const BigEndian32 number{0x01020304};
  std::array<std::uint8_t, 4> bytes{};
  std::memcpy(bytes.data(), &number, 4);
  EXPECT_EQ(bytes, (std::array<std::uint8_t, 4>{1, 2, 3, 4}));
  EXPECT_EQ(number.host(), 0x01020304U);
  EXPECT_EQ(BigEndian32::from_raw(number.raw()), number);
}

TEST(Hashes, SpreadNeighboringAddresses) {
  std::unordered_set<std::size_t> low_bits;
  for (std::uint32_t i = 0; i < 4096; ++i) {
    low_bits.insert(std::hash<IpAddress>{}(IpAddress{Ipv4Address{0x0a000000 + i}}) & 0xffff);
  }
  // 4,096 into 65,536 slots: about 3,970 differ when the spread is random.
  EXPECT_GT(low_bits.size(), 3500U);
}

}  // namespace
}  // namespace alkaid
