#include "dataplane/tables/route_table.hpp"

#include <bit>

namespace alkaid {

void RoutingTable::add_length(const IpPrefix& prefix) {
  if (prefix.address.is_v4()) {
    if (count_v4_[prefix.length]++ == 0) {
      lengths_v4_.fetch_or(1ULL << prefix.length, std::memory_order_release);
    }
  } else if (count_v6_[prefix.length]++ == 0) {
    lengths_v6_[prefix.length / 64].fetch_or(1ULL << (prefix.length % 64),
                                             std::memory_order_release);
  }
}

void RoutingTable::remove_length(const IpPrefix& prefix) {
  if (prefix.address.is_v4()) {
    if (--count_v4_[prefix.length] == 0) {
      lengths_v4_.fetch_and(~(1ULL << prefix.length), std::memory_order_release);
    }
  } else if (--count_v6_[prefix.length] == 0) {
    lengths_v6_[prefix.length / 64].fetch_and(~(1ULL << (prefix.length % 64)),
                                              std::memory_order_release);
  }
}

const Route* RouteTable::lookup(const RoutingTable& table, Ipv4Address destination) const {
  const IpAddress address{destination};
  std::uint64_t lengths = table.lengths_v4();
  while (lengths != 0) {
    const auto length = static_cast<std::uint8_t>(63 - std::countl_zero(lengths));
    if (const Route* route = routes_.find(key_of(table.number(), address, length))) {
      return route;
    }
    lengths &= ~(1ULL << length);
  }
  return nullptr;
}

const Route* RouteTable::lookup(const RoutingTable& table, const IpAddress& destination) const {
  if (destination.is_v4()) {
    return lookup(table, destination.v4());
  }
  for (int length = 128; length >= 0; --length) {
    if (table.has_length_v6(static_cast<unsigned>(length))) {
      const auto key = key_of(table.number(), destination, static_cast<std::uint8_t>(length));
      if (const Route* route = routes_.find(key)) {
        return route;
      }
    }
  }
  return nullptr;
}

RoutingTable* RouteTable::acquire(std::uint64_t table) {
  auto& entry = tables_[table];
  if (!entry.table) {
    entry.table = std::make_unique<RoutingTable>(table);
  }
  ++entry.references;
  return entry.table.get();
}

void RouteTable::release(std::uint64_t table) {
  const auto entry = tables_.find(table);
  if (entry == tables_.end() || --entry->second.references > 0) {
    return;
  }
  quiescence_.retire_object(entry->second.table.release());
  tables_.erase(entry);
}

const Route* RouteTable::find(const RouteKey& key) const {
  return routes_.find(key_of(key.table, key.prefix.address, key.prefix.length));
}

bool RouteTable::put(std::unique_ptr<const Route> route) {
  const RouteKey key = route->config.key;
  const bool is_new = find(key) == nullptr;
  RoutingTable* table = acquire(key.table);
  if (is_new) {
    table->add_length(key.prefix);
  }
  const bool stored =
      routes_.put(key_of(key.table, key.prefix.address, key.prefix.length), std::move(route));
  if (is_new && stored) {
    return true;  // the route keeps the reference
  }
  if (is_new) {
    table->remove_length(key.prefix);
  }
  release(key.table);
  return stored;
}

bool RouteTable::erase(const RouteKey& key) {
  if (!routes_.erase(key_of(key.table, key.prefix.address, key.prefix.length))) {
    return false;
  }
  tables_.at(key.table).table->remove_length(key.prefix);
  release(key.table);
  return true;
}

}  // namespace alkaid
