// What is a domain name, and how names and search lists are encoded.
#include "dataplane/packet/domain_name.hpp"

#include <gtest/gtest.h>

namespace alkaid::test {
namespace {

using Octets = std::vector<std::uint8_t>;

std::string repeat(const std::string& label, std::size_t times) {
  std::string name;
  for (std::size_t i = 0; i < times; ++i) {
    name += label + ".";
  }
  return name;
}

TEST(DomainName, WhatIsOne) {
  const std::string label63(63, 'a');
  const std::string good[] = {"a", "example.org", "example.org.", "_ldap._tcp.x-1.example",
                              label63 + ".b",
                              // 3 * 64 + 61 + 1: 253 characters, 255 bytes with lengths and end
                              repeat(label63, 3) + std::string(61, 'b')};
  for (const auto& name : good) {
    EXPECT_TRUE(is_domain_name(name)) << name;
  }
  const std::string bad[] = {"",
                             ".",
                             "..",
                             "a..b",
                             ".a",
                             "a b",
                             "a/b",
                             "a.b..",
                             "\xc3\xa4.de",
                             "a\nb.c",
                             std::string("a\0b", 3),
                             label63 + "a",
                             repeat(label63, 3) + std::string(62, 'b')};
  for (const auto& name : bad) {
    EXPECT_FALSE(is_domain_name(name)) << name;
  }
}

TEST(DomainName, IsEncodedByLabels) {
  Octets output{9};
  append_domain_name("ab.c.", output);
  EXPECT_EQ(output, (Octets{9, 2, 'a', 'b', 1, 'c', 0}));
}

TEST(SearchList, IsCompressed) {
  // The example of RFC 3397, section 3, with other names.
  const std::vector<std::string> names{"eng.x.org", "marketing.x.org", "x.org", "org", "other"};
  EXPECT_EQ(encode_search_list(names),
            (Octets{3,    'e', 'n', 'g', 1,   'x', 3,   'o', 'r', 'g', 0,        //
                    9,    'm', 'a', 'r', 'k', 'e', 't', 'i', 'n', 'g', 0xc0, 4,  //
                    0xc0, 4,                                                     //
                    0xc0, 6,                                                     //
                    5,    'o', 't', 'h', 'e', 'r', 0}));
  EXPECT_TRUE(encode_search_list({}).empty());
}

TEST(SearchList, PointersReachBehindTheFirstBytes) {
  std::vector<std::string> names;
  for (int i = 0; i < 40; ++i) {
    names.push_back("host" + std::to_string(1000 + i) + ".example" + std::to_string(100 + i));
  }
  names.push_back("a.example139");
  const Octets list = encode_search_list(names);
  // Each name takes 9 + 11 + 1 bytes; the last one's domain is 9 bytes into the last of them.
  constexpr std::size_t kTarget = 39 * 21 + 9;
  ASSERT_EQ(list.size(), 40U * 21 + 4);
  EXPECT_EQ(list[list.size() - 2], 0xc0 | kTarget >> 8);
  EXPECT_EQ(list.back(), kTarget & 0xff);
}

}  // namespace
}  // namespace alkaid::test
