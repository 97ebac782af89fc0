#include "control/console/show/policy.hpp"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "control/common/logging.hpp"
#include "control/console/api_values.hpp"
#include "control/console/clients.hpp"
#include "control/console/protocols.hpp"

namespace alkaid::console {
namespace {

using dataplane::v1::SecurityRule;
using dataplane::v1::ShowSecurityGroupsResponse;

constexpr std::size_t kLongestShown = 64;

// Ports, or type and code of ICMP: what a rule says beside the protocol.
Value selector(const SecurityRule& rule) {
  if (is_icmp(rule.protocol()) && rule.has_icmp_type()) {
    if (!rule.has_icmp_code()) {
      return {fmt::format("type {}", rule.icmp_type()), {{"icmp_type", rule.icmp_type()}}};
    }
    return {fmt::format("type {} code {}", rule.icmp_type(), rule.icmp_code()),
            {{"icmp_type", rule.icmp_type()}, {"icmp_code", rule.icmp_code()}}};
  }
  if (rule.port_min() == 0 && rule.port_max() == 0) {
    return {"any", nullptr};
  }
  return {rule.port_min() == rule.port_max()
              ? fmt::format("{}", rule.port_min())
              : fmt::format("{}-{}", rule.port_min(), rule.port_max()),
          {{"port_min", rule.port_min()}, {"port_max", rule.port_max()}}};
}

Value remote(const SecurityRule& rule) {
  if (!rule.remote_group().empty()) {
    return {"group " + text(rule.remote_group()).text, {{"group", rule.remote_group()}}};
  }
  if (rule.has_remote_prefix()) {
    const std::string prefix = prefix_text(rule.remote_prefix());
    return {prefix, {{"prefix", prefix}}};
  }
  return {"any", nullptr};
}

// Of all groups, by direction.
Section rules_section(const ShowSecurityGroupsResponse& groups) {
  Section section{.key = "rules", .heading = "Rules", .when_empty = "no rules: nothing may pass"};
  section.columns = {left("direction", "DIRECTION"),
                     left("group", "GROUP"),
                     left("id", "RULE"),
                     left("family", "FAMILY"),
                     left("protocol", "PROTOCOL"),
                     left("selector", "PORTS OR TYPE"),
                     left("remote", "REMOTE"),
                     right("hits", "HITS")};
  struct Row {
    const std::string* group;
    const ShowSecurityGroupsResponse::Rule* rule;
  };
  std::vector<Row> rows;
  for (const auto& group : groups.groups()) {
    for (const auto& rule : group.rules()) {
      rows.push_back({&group.id(), &rule});
    }
  }
  std::stable_sort(rows.begin(), rows.end(), [](const Row& one, const Row& other) {
    return std::make_tuple(one.rule->rule().ingress(), *one.group, one.rule->rule().id()) <
           std::make_tuple(other.rule->rule().ingress(), *other.group, other.rule->rule().id());
  });
  for (const Row& row : rows) {
    const SecurityRule& rule = row.rule->rule();
    section.rows.push_back({text(rule.ingress() ? "ingress" : "egress"), text(*row.group),
                            text(rule.id()), text(rule.ipv6() ? "IPv6" : "IPv4"),
                            rule.has_protocol() ? protocol(rule.protocol()) : Value{"any", nullptr},
                            selector(rule), remote(rule), number(row.rule->hits())});
  }
  return section;
}

std::optional<Failure> fetch_groups(Clients& clients, const std::string& id,
                                    const std::string& port, ShowSecurityGroupsResponse& response) {
  dataplane::v1::ShowSecurityGroupsRequest request;
  request.set_id(id);
  request.set_port(port);
  return clients.call_dataplane(
      [&](auto& stub, auto* context) {
        return stub.ShowSecurityGroups(context, request, &response);
      },
      kReadTimeout);
}

std::string argument_or_nothing(const Arguments& arguments, std::string_view name) {
  const auto found = arguments.find(name);
  return found == arguments.end() ? std::string{} : found->second;
}

}  // namespace

Display port_policy_display(const dataplane::v1::Port& port,
                            const ShowSecurityGroupsResponse& groups) {
  const std::vector<std::string> wanted{port.security_groups().begin(),
                                        port.security_groups().end()};
  std::vector<std::string> unknown;
  for (const auto& id : wanted) {
    if (std::none_of(groups.groups().begin(), groups.groups().end(),
                     [&](const auto& group) { return group.id() == id; })) {
      unknown.push_back(id);
    }
  }
  Section policy{.key = "policy", .style = Section::Style::kObject};
  policy.columns = {left("port", "Port"), left("enforced", "Enforced"),
                    left("security_groups", "Security groups"),
                    left("unknown_groups", "Not known yet")};
  policy.rows = {{text(port.id()), boolean(port.policy_enforced()), list(wanted), list(unknown)}};
  Section rules = rules_section(groups);
  if (!port.policy_enforced()) {
    rules.heading = "Rules (not enforced: everything passes)";
    rules.when_empty = "no rules";
  }
  return {{std::move(policy), std::move(rules)}};
}

Display enforced_groups_display(const ShowSecurityGroupsResponse& groups) {
  Section section{
      .key = "security_groups", .heading = "Security groups", .when_empty = "no security groups"};
  section.columns = {left("id", "GROUP"),    right("rules", "RULES"),
                     right("hits", "HITS"),  right("member_count", "MEMBERS"),
                     left("ports", "PORTS"), detail("members", "MEMBERS")};
  for (const auto& group : groups.groups()) {
    std::uint64_t hits = 0;
    for (const auto& rule : group.rules()) {
      hits += rule.hits();
    }
    std::vector<std::string> members;
    for (const auto& member : group.members()) {
      members.push_back(ip_text(member));
    }
    section.rows.push_back({text(group.id()),
                            number(static_cast<std::uint64_t>(group.rules_size())), number(hits),
                            number(members.size()),
                            list({group.ports().begin(), group.ports().end()}), list(members)});
  }
  return {{std::move(section), rules_section(groups)}};
}

Answer show_port_policy(Clients& clients, const Arguments& arguments) {
  const std::string id = argument_or_nothing(arguments, "ID");
  dataplane::v1::ShowPortsRequest request;
  request.set_id(id);
  dataplane::v1::ShowPortsResponse ports;
  if (auto failure = clients.call_dataplane(
          [&](auto& stub, auto* context) { return stub.ShowPorts(context, request, &ports); })) {
    return failed(*failure);
  }
  if (ports.ports().empty() || !ports.ports(0).has_config()) {
    return failed(
        {ExitCode::kRefused, fmt::format("there is no guest port \"{}\"; show port lists them",
                                         printable(id, kLongestShown))});
  }
  ShowSecurityGroupsResponse groups;
  auto failure = fetch_groups(clients, {}, id, groups);
  return failure ? failed(*failure)
                 : Answer{port_policy_display(ports.ports(0).config(), groups), {}};
}

Answer show_enforced_groups(Clients& clients, const Arguments& arguments) {
  const std::string id = argument_or_nothing(arguments, "GROUP");
  ShowSecurityGroupsResponse groups;
  if (auto failure = fetch_groups(clients, id, {}, groups)) {
    return failed(*failure);
  }
  if (!id.empty() && groups.groups().empty()) {
    return failed({ExitCode::kRefused,
                   fmt::format("there is no security group \"{}\"; show security-group lists them",
                               printable(id, kLongestShown))});
  }
  return {enforced_groups_display(groups), {}};
}

}  // namespace alkaid::console
