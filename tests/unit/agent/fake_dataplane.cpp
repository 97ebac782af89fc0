#include "tests/unit/agent/fake_dataplane.hpp"

#include <fmt/format.h>

#include "control/agent/reconcile/object_codec.hpp"
#include "control/common/net/ip_address.hpp"

namespace alkaid::agent::test {
namespace {

void fail(api::ApplyResponse& response, api::ObjectKind kind, int index, api::ErrorCode code,
          const char* message) {
  auto& failure = *response.add_failures();
  failure.set_kind(kind);
  failure.set_index(static_cast<std::uint32_t>(index));
  failure.set_code(code);
  failure.set_message(message);
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) {
      text.push_back(' ');
    }
    text.append(word);
  }
  return text;
}

auto route_key(const api::RouteKey& key) {
  const auto& address = key.prefix().address();
  return std::tuple{key.table(), FakeDataplane::Ip{address.high(), address.low()},
                    key.prefix().length()};
}

}  // namespace

api::PortStatus FakeDataplane::status_of(const api::Port& port) const {
  api::PortStatus status;
  status.set_id(port.id());
  const bool missing = missing_devices.contains(port.attachment());
  status.set_state(missing ? api::WAITING : api::ATTACHED);
  status.set_detail(missing ? "no such device" : "");
  return status;
}

bool FakeDataplane::has_room(const api::SecurityGroup& change) const {
  std::size_t rules = 0;
  for (const auto& [id, group] : groups) {
    rules += group.rules.size();
  }
  const auto group = groups.find(change.id());
  for (const auto& rule : change.rules()) {
    rules += group == groups.end() || !group->second.rules.contains(rule.id()) ? 1 : 0;
  }
  return change.rules().empty() || rules <= most_rules;
}

void FakeDataplane::apply(const api::ApplyRequest& request, api::ApplyResponse& response) {
  ++apply_calls;
  std::uint64_t done = 0;
  const auto note = [&](std::string what) {
    ++done;
    log.push_back(std::move(what));
  };
  for (const auto& segment : request.set_segments()) {
    segments[segment.vni()] = segment;
    note("set segment");
  }
  for (int i = 0; i < request.set_security_groups_size(); ++i) {
    const auto& change = request.set_security_groups(i);
    if (!has_room(change)) {
      fail(response, api::SECURITY_GROUP, i, api::TABLE_FULL, "rule table full");
      continue;
    }
    Group& group = groups[change.id()];
    if (change.replace()) {
      group = {};
    }
    for (const auto& rule : change.rules()) {
      group.rules[rule.id()] = rule;
    }
    for (const auto& rule : change.removed_rules()) {
      group.rules.erase(rule);
    }
    for (const auto& member : change.members()) {
      group.members.emplace(member.high(), member.low());
    }
    for (const auto& member : change.removed_members()) {
      group.members.erase({member.high(), member.low()});
    }
    group_changes.push_back(change);
    note("set group");
  }
  for (int i = 0; i < request.set_ports_size(); ++i) {
    const auto& port = request.set_ports(i);
    if (refused_ports.contains(port.id())) {
      fail(response, api::PORT, i, api::INVALID, "refused by the test");
      response.mutable_failures()->rbegin()->set_field("attachment");
      continue;
    }
    ports[port.id()] = port;
    *response.add_ports() = status_of(port);
    note("set port");
  }
  const auto& sets = request.set_neighbors();
  for (int i = 0; i < sets.vni_size(); ++i) {
    const std::pair key{sets.vni(i), Ip{sets.ip_high(i), sets.ip_low(i)}};
    if (!neighbors.contains(key) && neighbors.size() >= most_neighbors) {
      fail(response, api::NEIGHBOR, i, api::TABLE_FULL, "neighbor table full");
      continue;
    }
    neighbors[key] = {sets.mac(i), Ip{sets.vtep_high(i), sets.vtep_low(i)}};
    note("set neighbor");
  }
  for (const auto& route : request.set_routes()) {
    routes[route_key(route.key())] = route;
    note("set route");
  }
  for (const auto& binding : request.set_dhcp_bindings()) {
    bindings[{binding.key().vni(), binding.key().mac()}] = binding;
    note("set dhcp");
  }
  for (const auto& key : request.delete_dhcp_bindings()) {
    bindings.erase({key.vni(), key.mac()});
    note("delete dhcp");
  }
  for (const auto& key : request.delete_routes()) {
    routes.erase(route_key(key));
    note("delete route");
  }
  const auto& deletes = request.delete_neighbors();
  for (int i = 0; i < deletes.vni_size(); ++i) {
    neighbors.erase({deletes.vni(i), Ip{deletes.ip_high(i), deletes.ip_low(i)}});
    note("delete neighbor");
  }
  for (const auto& id : request.delete_ports()) {
    ports.erase(id);
    note("delete port");
  }
  for (const auto& id : request.delete_security_groups()) {
    groups.erase(id);
    note("delete group");
  }
  for (const auto vni : request.delete_segments()) {
    segments.erase(vni);
    note("delete segment");
  }
  operations += done;
  response.set_operations(done);
}

void FakeDataplane::read(const std::function<void(const api::ReadResponse&)>& take) const {
  api::ReadResponse response;
  for (const auto& [vni, segment] : segments) {
    *response.add_segments() = segment;
  }
  for (const auto& [id, port] : ports) {
    *response.add_ports() = port;
    *response.add_port_statuses() = status_of(port);
  }
  take(response);
  response.Clear();
  // In parts of one rule or member, the first of which says that it is the first.
  for (const auto& [id, group] : groups) {
    bool is_first = true;
    const auto part = [&]() -> api::SecurityGroup& {
      auto& added = *response.add_security_groups();
      added.set_id(id);
      added.set_replace(std::exchange(is_first, false));
      return added;
    };
    for (const auto& [rule_id, rule] : group.rules) {
      *part().add_rules() = rule;
    }
    for (const auto& [high, low] : group.members) {
      auto& member = *part().add_members();
      member.set_high(high);
      member.set_low(low);
    }
    if (is_first) {
      part();
    }
  }
  take(response);
  response.Clear();
  auto& rows = *response.mutable_neighbors();
  for (const auto& [key, value] : neighbors) {
    rows.add_vni(key.first);
    rows.add_ip_high(key.second.first);
    rows.add_ip_low(key.second.second);
    rows.add_mac(std::get<0>(value));
    rows.add_vtep_high(std::get<1>(value).first);
    rows.add_vtep_low(std::get<1>(value).second);
  }
  for (const auto& [key, route] : routes) {
    *response.add_routes() = route;
  }
  for (const auto& [key, binding] : bindings) {
    *response.add_dhcp_bindings() = binding;
  }
  take(response);
}

std::string FakeDataplane::dump() const {
  std::string text;
  for (const auto& [vni, segment] : segments) {
    text += "segment " + segment.ShortDebugString() + "\n";
  }
  for (const auto& [id, port] : ports) {
    text += "port " + port.ShortDebugString() + "\n";
  }
  for (const auto& [key, value] : neighbors) {
    text += fmt::format(
        "neighbor {} {} {:012x} {}\n", key.first,
        IpAddress::from_numbers(key.second.first, key.second.second).to_string(),
        std::get<0>(value),
        IpAddress::from_numbers(std::get<1>(value).first, std::get<1>(value).second).to_string());
  }
  for (const auto& [key, route] : routes) {
    text += "route " + route.ShortDebugString() + "\n";
  }
  for (const auto& [key, binding] : bindings) {
    text += "dhcp " + binding.ShortDebugString() + "\n";
  }
  for (const auto& [id, group] : groups) {
    text += fmt::format("group {} members {}\n", id, members(id));
    for (const auto& [rule_id, rule] : group.rules) {
      text += "rule " + rule.ShortDebugString() + "\n";
    }
  }
  return text;
}

std::string FakeDataplane::members(const std::string& group) const {
  const auto found = groups.find(group);
  if (found == groups.end()) {
    return "none";
  }
  std::vector<std::string> words;
  for (const auto& [high, low] : found->second.members) {
    words.push_back(IpAddress::from_numbers(high, low).to_string());
  }
  return joined(words);
}

std::string FakeDataplane::rules(const std::string& group) const {
  const auto found = groups.find(group);
  if (found == groups.end()) {
    return "none";
  }
  std::vector<std::string> words;
  for (const auto& [id, rule] : found->second.rules) {
    words.push_back(id);
  }
  return joined(words);
}

bool FakeDataplane::has_neighbor(std::uint32_t vni, std::string_view ip) const {
  const IpAddress address = IpAddress::parse(ip).value();
  return neighbors.contains({vni, {address.high(), address.low()}});
}

std::string FakeDataplane::route(std::uint64_t table, std::string_view prefix) const {
  const IpPrefix parsed = IpPrefix::parse(prefix).value();
  const auto found =
      routes.find({table, Ip{parsed.address.high(), parsed.address.low()}, parsed.length});
  if (found == routes.end()) {
    return "";
  }
  const RouteObject object = decode(found->second);
  if (object.blackhole) {
    return "blackhole";
  }
  if (!object.next_hop.is_unset()) {
    return fmt::format("via {}", object.next_hop.to_string());
  }
  if (!object.remote_vtep.is_unset()) {
    return fmt::format("remote {} vni {} mac {}", object.remote_vtep.to_string(),
                       object.remote_vni.number(), object.remote_mac.to_string());
  }
  return fmt::format("connected {}", object.connected_vni.number());
}

grpc::Status FakeClient::connect(DataplaneHello& hello) {
  if (!available) {
    return {grpc::StatusCode::UNAVAILABLE, "switched off"};
  }
  hello.instance = dataplane_.instance;
  hello.version = "test";
  hello.vteps = {IpAddress::parse("172.16.0.1").value()};
  return grpc::Status::OK;
}

grpc::Status FakeClient::read(const std::function<void(const api::ReadResponse&)>& take) {
  dataplane_.read(take);
  return grpc::Status::OK;
}

grpc::Status FakeClient::apply(api::ApplyRequest& request, api::ApplyResponse& response) {
  if (!available || applies_until_loss == 0) {
    available = false;
    return {grpc::StatusCode::UNAVAILABLE, "switched off"};
  }
  if (request.ByteSizeLong() > most_bytes) {
    ++refused_applies;
    return {grpc::StatusCode::RESOURCE_EXHAUSTED, "message larger than max"};
  }
  --applies_until_loss;
  dataplane_.apply(request, response);
  return grpc::Status::OK;
}

}  // namespace alkaid::agent::test
