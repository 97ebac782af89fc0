#include "control/agent/policy_options.hpp"

#include <charconv>
#include <string_view>

#include <fmt/format.h>

#include "control/common/logging.hpp"

namespace alkaid::agent {
namespace {

constexpr std::string_view kBroadcastForm = "[VNI=]drop or [VNI=]replicate[:PACKETS_PER_SECOND]";

std::optional<std::uint32_t> parse_number(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

// "drop", "replicate", "replicate:500"
std::optional<BroadcastPolicy> parse_broadcast(std::string_view text) {
  constexpr std::string_view kReplicate = "replicate";
  if (text == "drop" || text == kReplicate) {
    return BroadcastPolicy{text == kReplicate, 0};
  }
  if (!text.starts_with(kReplicate) || text[kReplicate.size()] != ':') {
    return std::nullopt;
  }
  const auto rate = parse_number(text.substr(kReplicate.size() + 1));
  if (!rate || *rate == 0) {
    return std::nullopt;
  }
  return BroadcastPolicy{true, *rate};
}

bool add_broadcast(std::string_view text, Policy& policy) {
  const std::size_t equals = text.find('=');
  const auto broadcast =
      parse_broadcast(equals == std::string_view::npos ? text : text.substr(equals + 1));
  if (!broadcast) {
    return false;
  }
  if (equals == std::string_view::npos) {
    policy.broadcast = *broadcast;
    return true;
  }
  const auto vni = Vni::from_number(parse_number(text.substr(0, equals)).value_or(0));
  if (!vni) {
    return false;
  }
  policy.broadcast_by_vni.insert_or_assign(*vni, *broadcast);
  return true;
}

// True for the first of two words, false for the second.
std::optional<bool> parse_choice(std::string_view flag, const std::string& text,
                                 std::string_view yes, std::string_view no, std::string& error) {
  if (text != yes && text != no) {
    error = fmt::format("{}: '{}' must be {} or {}", flag, printable(text), yes, no);
    return std::nullopt;
  }
  return text == yes;
}

}  // namespace

void PolicyOptions::add_to(CLI::App& app) {
  app.add_option("--broadcast", broadcast_,
                 fmt::format("what becomes of guests' broadcast and multicast beyond ARP, ND and "
                             "DHCP: {}; without a VNI for all others (default drop); repeatable",
                             kBroadcastForm))
      ->type_name("MODE");
  app.add_option("--source-guard", source_guard_,
                 "on or off: drop what guests send with other addresses than their port's")
      ->capture_default_str();
  app.add_option("--source-guard-exempt", unguarded_ports_,
                 "id of a port without source guard; repeatable")
      ->type_name("PORT_ID");
  app.add_option(
         "--source-guard-exempt-owner", unguarded_owners_,
         "ports whose device_owner starts with this have no source guard, such as network:; "
         "repeatable")
      ->type_name("PREFIX");
  app.add_option("--security-groups", security_groups_,
                 "on or off: enforce ports' security groups; off: every port is open")
      ->capture_default_str();
  app.add_option("--default-policy", default_policy_,
                 "open or closed: what passes ports without security groups, everything or nothing "
                 "but ARP, ND, DHCP and router advertisements")
      ->capture_default_str();
  app.add_option("--tcp-without-ports", tcp_without_ports_,
                 "any or tcp: what a security rule for TCP without ports allows; Alcor's clients "
                 "send it for any protocol")
      ->capture_default_str();
  app.add_flag(
      "--strict-revisions", strict_revisions_,
      "answer OUT_OF_ORDER to a revision_number lower than the one applied last to the same "
      "resource (clients of Alcor's releases send a constant)");
}

std::optional<Policy> PolicyOptions::policy(std::string& error) const {
  Policy policy;
  for (const std::string& text : broadcast_) {
    if (!add_broadcast(text, policy)) {
      error = fmt::format("--broadcast: '{}' must be {}", printable(text), kBroadcastForm);
      return std::nullopt;
    }
  }
  const auto guard = parse_choice("--source-guard", source_guard_, "on", "off", error);
  const auto groups = parse_choice("--security-groups", security_groups_, "on", "off", error);
  const auto open = parse_choice("--default-policy", default_policy_, "open", "closed", error);
  const auto tcp = parse_choice("--tcp-without-ports", tcp_without_ports_, "tcp", "any", error);
  if (!guard || !groups || !open || !tcp) {
    return std::nullopt;
  }
  policy.source_guard = *guard;
  policy.security_groups = *groups;
  policy.closed_by_default = !*open;
  policy.tcp_without_ports_is_tcp = *tcp;
  policy.unguarded_ports.insert(unguarded_ports_.begin(), unguarded_ports_.end());
  for (const std::string& prefix : unguarded_owners_) {
    if (prefix.empty()) {
      error = "--source-guard-exempt-owner: must not be empty; --source-guard off is for all ports";
      return std::nullopt;
    }
    policy.unguarded_owners.push_back(prefix);
  }
  policy.strict_revisions = strict_revisions_;
  return policy;
}

}  // namespace alkaid::agent
