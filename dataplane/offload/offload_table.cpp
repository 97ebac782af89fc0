#include "dataplane/offload/offload_table.hpp"

#include <algorithm>

namespace alkaid {
namespace {

template <class Index, class Name>
std::vector<OffloadTable::Number> numbers_of(const Index& index, const Name& name) {
  const auto found = index.find(name);
  return found == index.end()
             ? std::vector<OffloadTable::Number>{}
             : std::vector<OffloadTable::Number>{found->second.begin(), found->second.end()};
}

}  // namespace

bool OffloadedConnection::is_managed_by(std::uint16_t proxy) const {
  const auto end = rules.begin() + static_cast<std::ptrdiff_t>(rule_count);
  return std::any_of(rules.begin(), end, [proxy](const Rule& rule) { return rule.proxy == proxy; });
}

std::optional<OffloadTable::Number> OffloadTable::add(bool ipv6, ConnectionNumber number,
                                                      std::uint32_t life) {
  if (used() >= capacity_) {
    return std::nullopt;
  }
  if (free_.empty()) {
    entries_.emplace_back();
    free_.push_back(end() - 1);
  }
  const Number entry = free_.back();
  free_.pop_back();
  entries_[entry] = {
      .state = OffloadedConnection::State::kSoftware, .ipv6 = ipv6, .number = number, .life = life};
  by_connection_[name_of(ipv6, number)] = entry;
  return entry;
}

void OffloadTable::remove(Number entry) {
  OffloadedConnection& connection = entries_[entry];
  by_connection_.erase(name_of(connection.ipv6, connection.number));
  connection = {};
  free_.push_back(entry);
}

std::optional<OffloadTable::Number> OffloadTable::find(bool ipv6, ConnectionNumber number) const {
  const auto found = by_connection_.find(name_of(ipv6, number));
  return found == by_connection_.end() ? std::nullopt : std::optional{found->second};
}

template <class Visit>
void OffloadTable::for_each_dependence(const OffloadedConnection& connection, Visit&& visit) {
  for (std::size_t i = 0; i < connection.rule_count; ++i) {
    visit(by_port_, PortIndex{connection.rules[i].ingress});
    visit(by_port_, PortIndex{connection.rules[i].egress});
  }
  for (const StationName station : connection.stations) {
    if (station != kNoStation) {
      visit(by_station_, station);
    }
  }
  if (connection.path != nullptr) {
    visit(by_path_, connection.path);
  }
}

void OffloadTable::set_rules(Number entry, const ConnectionRules& rules) {
  OffloadedConnection& connection = entries_[entry];
  connection.rule_count = rules.count;
  for (std::size_t i = 0; i < rules.count; ++i) {
    const ConnectionRules::Directed& directed = rules.rules[i];
    connection.rules[i] = {.direction = directed.direction,
                           .from_wire = directed.rule.from_wire,
                           .into_tunnel = directed.rule.into_tunnel,
                           .proxy = directed.rule.proxy,
                           .ingress = static_cast<FlowPort>(directed.ingress),
                           .egress = static_cast<FlowPort>(directed.egress),
                           .seen = {}};
  }
  connection.digest = rules.digest();
  connection.stations = rules.stations;
  connection.path = rules.path;
  for_each_dependence(connection,
                      [entry](auto& index, const auto& name) { index[name].insert(entry); });
}

void OffloadTable::clear_rules(Number entry) {
  OffloadedConnection& connection = entries_[entry];
  for_each_dependence(connection, [entry](auto& index, const auto& name) {
    const auto found = index.find(name);
    if (found != index.end()) {
      found->second.erase(entry);
      if (found->second.empty()) {
        index.erase(found);
      }
    }
  });
  connection.rule_count = 0;
  connection.stations = {};
  connection.path = nullptr;
}

std::vector<OffloadTable::Number> OffloadTable::of_port(PortIndex port) const {
  return numbers_of(by_port_, port);
}
std::vector<OffloadTable::Number> OffloadTable::of_station(StationName station) const {
  return numbers_of(by_station_, station);
}
std::vector<OffloadTable::Number> OffloadTable::of_path(const UnderlayPath* path) const {
  return numbers_of(by_path_, path);
}

std::size_t OffloadTable::count_of_port(PortIndex port) const {
  const auto found = by_port_.find(port);
  return found == by_port_.end() ? 0 : found->second.size();
}

void OffloadTable::port_gone(PortIndex port) {
  for (const Number entry : of_port(port)) {
    for (OffloadedConnection::Rule& rule : entries_[entry].rules) {
      rule.counts_ingress = rule.counts_ingress && rule.ingress != port;
      rule.counts_egress = rule.counts_egress && rule.egress != port;
    }
  }
}

}  // namespace alkaid
