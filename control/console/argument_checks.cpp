#include "control/console/argument_checks.hpp"

#include <charconv>
#include <cstdint>
#include <utility>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/vni.hpp"
#include "control/console/api_values.hpp"
#include "control/console/protocols.hpp"

namespace alkaid::console {
namespace {

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

std::optional<std::string> check_range(std::string_view text, std::uint64_t least,
                                       std::uint64_t most, const char* wanted) {
  const auto number = parse_number<std::uint64_t>(text);
  return number && *number >= least && *number <= most ? std::nullopt
                                                       : std::optional<std::string>{wanted};
}

}  // namespace

std::optional<std::string> check_vni(std::string_view text) {
  return check_range(text, 1, Vni::kMax, "a VNI, 1 to 16777215");
}

std::optional<std::string> check_address(std::string_view text) {
  return IpAddress::parse(text) ? std::nullopt
                                : std::optional<std::string>{"an address such as 10.1.0.12"};
}

std::optional<std::string> check_prefix(std::string_view text) {
  return IpPrefix::parse(text)
             ? std::nullopt
             : std::optional<std::string>{"an address or a prefix such as 10.1.0.0/24"};
}

std::optional<std::string> check_route_table(std::string_view text) {
  return parse_identifier(text) ? std::nullopt
                                : std::optional<std::string>{"a route table, such as 0x1f"};
}

std::optional<std::string> check_watch_seconds(std::string_view text) {
  const auto seconds = parse_number<double>(text);
  if (seconds && *seconds >= 0.1 && *seconds <= 86400) {
    return std::nullopt;
  }
  return "seconds between two looks, 0.1 to 86400";
}

std::optional<std::string> check_protocol(std::string_view text) {
  return parse_protocol(text)
             ? std::nullopt
             : std::optional<std::string>{"tcp, udp, icmp, icmpv6, sctp or a number, 0 to 255"};
}

std::optional<std::string> check_l4_port(std::string_view text) {
  return check_range(text, 1, UINT16_MAX, "a port of TCP, UDP or SCTP, 1 to 65535");
}

std::optional<std::string> check_count(std::string_view text) {
  return check_range(text, 1, UINT32_MAX, "a number, 1 or more");
}

std::optional<std::string> check_idle_seconds(std::string_view text) {
  return check_range(text, 1, 2'000'000, "seconds, 1 to 2000000");
}

std::optional<std::string> check_worker(std::string_view text) {
  return check_range(text, 0, UINT16_MAX, "a worker's number in show worker");
}

std::optional<std::string> check_queue(std::string_view text) {
  return check_range(text, 0, UINT16_MAX, "a receive queue's number, from 0");
}

Node argument(std::string name, std::string help, Handler handler, NameKind names,
              std::optional<std::string> (*check)(std::string_view), std::vector<Node> children) {
  Node node = show(std::move(name), std::move(help), handler, std::move(children));
  node.kind = Node::Kind::kArgument;
  node.names = names;
  node.check = check;
  return node;
}

}  // namespace alkaid::console
