#include "dataplane/underlay/next_hop_table.hpp"

#include <algorithm>

#include <spdlog/spdlog.h>

#include "dataplane/underlay/ecmp_slots.hpp"

namespace alkaid {

NextHopTable::NextHopTable(QuiescenceDomain& quiescence, std::uint16_t vlan,
                           SendRequest send_request)
    : quiescence_(quiescence), vlan_(vlan), send_request_(std::move(send_request)) {}

NextHopTable::~NextHopTable() {
  for (auto& [addresses, path] : paths_) {
    delete path.published->choice.load();
  }
}

LinkHeader NextHopTable::link_header(const IpAddress& address, const MacAddress& mac) const {
  LinkHeader bytes{};
  const BigEndian16 type{address.is_v4() ? ether_type::kIpv4 : ether_type::kIpv6};
  const EthernetHeader ethernet{mac, *uplink_mac_,
                                vlan_ != 0 ? BigEndian16{ether_type::kVlan} : type};
  const VlanTag tag{BigEndian16{vlan_}, type};
  std::memcpy(bytes.data(), &ethernet, sizeof(ethernet));
  if (vlan_ != 0) {
    std::memcpy(bytes.data() + sizeof(ethernet), &tag, sizeof(tag));
  }
  return bytes;
}

void NextHopTable::publish(Paths::value_type& path) {
  const Addresses& addresses = path.first;
  std::array<bool, kMostNextHops> usable{};
  auto choice = std::make_unique<LinkChoice>();
  choice->header_length = vlan_ != 0 ? kTaggedLinkHeader : kPlainLinkHeader;
  choice->is_single = addresses.size() == 1;
  for (std::size_t i = 0; i < addresses.size() && uplink_mac_; ++i) {
    const Entry& entry = entries_.at(addresses[i]);
    usable[i] = entry.is_usable();
    if (usable[i]) {
      choice->headers[i] = link_header(addresses[i], entry.mac);
    }
  }
  if (std::find(usable.begin(), usable.end(), true) == usable.end()) {
    choice.reset();
  } else if (!choice->is_single) {
    choice->slots = ecmp_slots(std::span{usable}.first(addresses.size()));
  }
  const LinkChoice* old =
      path.second.published->choice.exchange(choice.release(), std::memory_order_acq_rel);
  path_listener_(*path.second.published);
  if (old != nullptr) {
    quiescence_.retire_object(old);
  }
}

void NextHopTable::publish_paths(const Entry& entry) {
  for (auto* path : entry.paths) {
    publish(*path);
  }
}

void NextHopTable::schedule(const IpAddress& address, Entry& entry, Clock::time_point when) {
  due_.erase({entry.next_action, address});
  entry.next_action = when;
  due_.emplace(when, address);
}

void NextHopTable::start_resolving(const IpAddress& address, Entry& entry, Clock::time_point now) {
  entry.state = NextHopState::kResolving;
  entry.probes = 0;
  if (uplink_mac_) {
    probe(address, entry, now);
  } else {
    schedule(address, entry, now);
  }
}

void NextHopTable::add_static(const IpAddress& address, const MacAddress& mac) {
  Entry& entry = entries_[address];
  entry.state = NextHopState::kStatic;
  entry.mac = mac;
  publish_paths(entry);
}

const UnderlayPath* NextHopTable::acquire(const Addresses& addresses, Clock::time_point now) {
  const auto [found, is_new] = paths_.try_emplace(addresses);
  Path& path = found->second;
  ++path.tunnels;
  if (is_new) {
    for (const auto& address : addresses) {
      Entry& entry = entries_[address];
      const bool is_first = entry.paths.empty();
      entry.paths.push_back(&*found);
      entry.is_shared |= addresses.size() > 1;
      if (entry.state == NextHopState::kStatic) {
        continue;
      }
      if (is_first) {
        start_resolving(address, entry, now);
      } else if (entry.state == NextHopState::kReachable) {
        schedule(address, entry, std::min(entry.next_action, now + confirm_after(entry)));
      }
    }
    publish(*found);
  }
  return path.published.get();
}

void NextHopTable::leave(const IpAddress& address, Paths::value_type& path) {
  const auto found = entries_.find(address);
  Entry& entry = found->second;
  std::erase(entry.paths, &path);
  entry.is_shared = std::any_of(entry.paths.begin(), entry.paths.end(),
                                [](const auto* other) { return other->first.size() > 1; });
  if (entry.paths.empty() && entry.state != NextHopState::kStatic) {
    due_.erase({entry.next_action, address});
    entries_.erase(found);
  }
}

void NextHopTable::release(const Addresses& addresses) {
  const auto found = paths_.find(addresses);
  if (found == paths_.end() || --found->second.tunnels > 0) {
    return;
  }
  for (const auto& address : addresses) {
    leave(address, *found);
  }
  quiescence_.retire([published = found->second.published.release()] {
    delete published->choice.load();
    delete published;
  });
  paths_.erase(found);
}

void NextHopTable::set_uplink(std::optional<MacAddress> mac, Clock::time_point now) {
  if (mac == uplink_mac_) {
    return;
  }
  uplink_mac_ = mac;
  for (auto& [address, entry] : entries_) {
    if (entry.state != NextHopState::kStatic) {
      start_resolving(address, entry, now);
    }
  }
  for (auto& path : paths_) {
    publish(path);
  }
}

void NextHopTable::observe(const UnderlayObservation& observation, Clock::time_point now) {
  const auto found = entries_.find(observation.address);
  if (found == entries_.end() || found->second.state == NextHopState::kStatic || !uplink_mac_) {
    return;
  }
  Entry& entry = found->second;
  const bool is_reachable = entry.state == NextHopState::kReachable;
  if (is_reachable && entry.mac != observation.mac && !observation.overrides) {
    // Another station claims the address without insisting (RFC 4861, 7.2.5): ask who is right.
    schedule(found->first, entry, now);
    return;
  }
  if (!is_reachable || entry.mac != observation.mac) {
    spdlog::info("underlay next hop {} is at {}", observation.address.to_string(),
                 observation.mac.to_string());
    entry.mac = observation.mac;
    entry.state = NextHopState::kReachable;
    publish_paths(entry);
  }
  entry.probes = 0;
  entry.confirmed = now;
  schedule(found->first, entry, now + confirm_after(entry));
}

void NextHopTable::probe(const IpAddress& address, Entry& entry, Clock::time_point now) {
  const bool confirming = entry.state == NextHopState::kReachable && entry.probes < 3;
  send_request_(address, confirming ? std::optional{entry.mac} : std::nullopt);
  const auto delay = std::min<std::chrono::milliseconds>(
      kFirstRetry * (1U << std::min(entry.probes, 10U)), kSlowestRetry);
  schedule(address, entry, now + delay);
  if (++entry.probes >= kProbesBeforeUnreachable && entry.state != NextHopState::kUnreachable) {
    spdlog::warn("underlay next hop {} does not answer {}", address.to_string(),
                 address.is_v4() ? "ARP" : "neighbor discovery");
    entry.state = NextHopState::kUnreachable;
    publish_paths(entry);
  }
}

void NextHopTable::tick(Clock::time_point now) {
  if (!uplink_mac_) {
    return;
  }
  while (!due_.empty() && due_.begin()->first <= now) {
    const IpAddress address = due_.begin()->second;
    probe(address, entries_.at(address), now);
  }
}

std::vector<NextHopView> NextHopTable::view(Clock::time_point now) const {
  std::vector<NextHopView> views;
  for (const auto& [address, entry] : entries_) {
    const auto age =
        entry.state == NextHopState::kReachable
            ? std::chrono::duration_cast<std::chrono::microseconds>(now - entry.confirmed)
            : std::chrono::microseconds{0};
    std::uint32_t tunnels = 0;
    for (const auto* path : entry.paths) {
      tunnels += path->second.tunnels;
    }
    views.push_back({address, entry.mac, entry.state, age, tunnels});
  }
  return views;
}

std::vector<EcmpGroupView> NextHopTable::groups() const {
  std::vector<EcmpGroupView> views;
  for (const auto& [addresses, path] : paths_) {
    if (addresses.size() == 1) {
      continue;
    }
    EcmpGroupView view;
    view.tunnels = path.tunnels;
    for (const auto& address : addresses) {
      view.members.push_back({address, 0});
    }
    if (const LinkChoice* choice = path.published->choice.load()) {
      for (const std::uint8_t slot : choice->slots) {
        ++view.members[slot].slots;
      }
    }
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace alkaid
