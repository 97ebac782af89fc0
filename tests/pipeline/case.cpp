#include "tests/pipeline/case.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace alkaid::test {
namespace {

std::string hex(const Bytes& bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    text += fmt::format("{}{:02x}", i % 16 == 0 ? "\n  " : " ", bytes[i]);
  }
  return text;
}

// The entropy of outer source ports is tested on its own; here it would only repeat the hash.
Bytes without_entropy(Bytes frame) {
  constexpr std::size_t kSourcePort = sizeof(EthernetHeader) + sizeof(Ipv4Header);
  frame.at(kSourcePort) = 0;
  frame.at(kSourcePort + 1) = 0;
  return frame;
}

void expect_equal(const std::string& port, std::size_t i, Bytes expected, Bytes actual) {
  if (port == "up" && expected.size() > 42 && actual.size() > 42) {
    expected = without_entropy(expected);
    actual = without_entropy(actual);
  }
  EXPECT_EQ(expected, actual) << port << ", packet " << i << "\nexpected:" << hex(expected)
                              << "\nactual:" << hex(actual);
}

void send_and_compare(const Case& c, PipelineLab& lab) {
  lab.send(c.port, c.in(lab));
  const auto expected = c.out ? c.out(lab) : std::map<std::string, std::vector<Bytes>>{};
  for (const char* port : {"up", "green-1", "green-3", "red-1"}) {
    const auto found = expected.find(port);
    const auto frames = found != expected.end() ? found->second : std::vector<Bytes>{};
    const auto actual = lab.take(port);
    EXPECT_EQ(actual.size(), frames.size()) << "packets out of " << port;
    for (std::size_t i = 0; i < std::min(actual.size(), frames.size()); ++i) {
      expect_equal(port, i, frames[i], actual[i]);
    }
  }
}

}  // namespace

MacAddress uplink_mac(PipelineLab& lab) {
  return lab.dataplane().ports().views().front().port->mac;
}

void run_case(const Case& c) {
  PipelineLab lab;
  if (c.prepare) {
    c.prepare(lab);
  }
  lab.walk();
  const std::uint64_t buffers = lab.buffers_in_use();
  send_and_compare(c, lab);
  EXPECT_EQ(lab.all_drops(), c.drops);
  if (!c.once) {
    // Now of known connections, which the fast path may take.
    SCOPED_TRACE("sent again");
    send_and_compare(c, lab);
    auto twice = c.drops;
    for (auto& [reason, count] : twice) {
      count *= 2;
    }
    EXPECT_EQ(lab.all_drops(), twice);
  }
  EXPECT_EQ(lab.buffers_in_use(), buffers) << "packet buffers leaked";
}

}  // namespace alkaid::test
