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

template <class Choose>
const Route* RouteTable::longest(const Segment& segment, const IpAddress& address,
                                 Choose&& choose) const {
  const bool v4 = address.is_v4();
  for (unsigned word = RoutingTable::words(v4); word-- > 0;) {
    const std::uint64_t routers = segment.routes != nullptr ? segment.routes->lengths(v4, word) : 0;
    const std::uint64_t own =
        segment.own_routes != nullptr ? segment.own_routes->lengths(v4, word) : 0;
    for (std::uint64_t lengths = routers | own; lengths != 0;) {
      const auto bit = static_cast<unsigned>(63 - std::countl_zero(lengths));
      const auto length = static_cast<std::uint8_t>(64 * word + bit);
      lengths &= ~(1ULL << bit);
      const auto find_in = [&](const RoutingTable* table, std::uint64_t table_lengths) {
        return (table_lengths >> bit & 1) != 0
                   ? routes_.find(key_of(table->number(), address, length))
                   : nullptr;
      };
      const Route* chosen =
          choose(find_in(segment.routes, routers), find_in(segment.own_routes, own));
      if (chosen != nullptr) {
        return chosen;
      }
    }
  }
  return nullptr;
}

const Route* RouteTable::lookup(const Segment& segment, const IpAddress& destination) const {
  return longest(segment, destination, [](const Route* routers, const Route* own) {
    const bool routers_wins = routers != nullptr && (own == nullptr || routers->is_connected());
    return routers_wins ? routers : own;
  });
}

const Route* RouteTable::lookup_connected(const Segment& segment, const IpAddress& next_hop) const {
  return longest(segment, next_hop, [](const Route* routers, const Route* own) -> const Route* {
    if (routers != nullptr && routers->is_connected()) {
      return routers;
    }
    return own != nullptr && own->is_connected() ? own : nullptr;
  });
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
