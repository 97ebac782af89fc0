#include "dataplane/underlay/next_hop_table.hpp"

#include <algorithm>

#include <spdlog/spdlog.h>

namespace alkaid {

NextHopTable::NextHopTable(QuiescenceDomain& quiescence, SendRequest send_request)
    : quiescence_(quiescence), send_request_(std::move(send_request)) {}

NextHopTable::~NextHopTable() {
  for (auto& [address, entry] : entries_) {
    delete entry.published->ethernet.load();
  }
}

void NextHopTable::publish(Entry& entry, const std::optional<MacAddress>& mac) {
  const EthernetHeader* header = nullptr;
  if (mac && uplink_mac_) {
    header = new EthernetHeader{*mac, *uplink_mac_, BigEndian16{ether_type::kIpv4}};
  }
  const EthernetHeader* old = entry.published->ethernet.exchange(header, std::memory_order_acq_rel);
  if (old != nullptr) {
    quiescence_.retire_object(old);
  }
}

void NextHopTable::schedule(Ipv4Address address, Entry& entry, Clock::time_point when) {
  due_.erase({entry.next_action, address});
  entry.next_action = when;
  due_.emplace(when, address);
}

void NextHopTable::start_resolving(Ipv4Address address, Entry& entry, Clock::time_point now) {
  entry.state = NextHopState::kResolving;
  entry.probes = 0;
  if (uplink_mac_) {
    probe(address, entry, now);
  } else {
    schedule(address, entry, now);
  }
}

void NextHopTable::add_static(Ipv4Address address, const MacAddress& mac) {
  Entry& entry = entries_[address];
  entry.state = NextHopState::kStatic;
  entry.mac = mac;
  publish(entry, mac);
}

const UnderlayNextHop* NextHopTable::acquire(Ipv4Address address, Clock::time_point now) {
  Entry& entry = entries_[address];
  if (entry.tunnels++ == 0 && entry.state != NextHopState::kStatic) {
    start_resolving(address, entry, now);
  }
  return entry.published.get();
}

void NextHopTable::release(Ipv4Address address) {
  const auto found = entries_.find(address);
  if (found == entries_.end() || --found->second.tunnels > 0 ||
      found->second.state == NextHopState::kStatic) {
    return;
  }
  due_.erase({found->second.next_action, address});
  quiescence_.retire([published = found->second.published.release()] {
    delete published->ethernet.load();
    delete published;
  });
  entries_.erase(found);
}

void NextHopTable::set_uplink(std::optional<MacAddress> mac, Clock::time_point now) {
  uplink_mac_ = mac;
  for (auto& [address, entry] : entries_) {
    if (entry.state == NextHopState::kStatic) {
      publish(entry, entry.mac);
    } else {
      publish(entry, std::nullopt);
      start_resolving(address, entry, now);
    }
  }
}

void NextHopTable::observe(const UnderlayObservation& observation, Clock::time_point now) {
  const auto found = entries_.find(observation.address);
  if (found == entries_.end() || found->second.state == NextHopState::kStatic || !uplink_mac_) {
    return;
  }
  Entry& entry = found->second;
  const bool changed = entry.state != NextHopState::kReachable || entry.mac != observation.mac;
  if (changed) {
    spdlog::info("underlay next hop {} is at {}", observation.address.to_string(),
                 observation.mac.to_string());
    entry.mac = observation.mac;
    entry.state = NextHopState::kReachable;
    publish(entry, entry.mac);
  }
  entry.probes = 0;
  entry.confirmed = now;
  schedule(found->first, entry, now + kConfirmAfter);
}

void NextHopTable::probe(Ipv4Address address, Entry& entry, Clock::time_point now) {
  const bool confirming = entry.state == NextHopState::kReachable && entry.probes < 3;
  send_request_(address, confirming ? entry.mac : kBroadcastMac);
  const auto delay = std::min<std::chrono::milliseconds>(
      kFirstRetry * (1U << std::min(entry.probes, 10U)), kSlowestRetry);
  schedule(address, entry, now + delay);
  if (++entry.probes >= kProbesBeforeUnreachable && entry.state != NextHopState::kUnreachable) {
    spdlog::warn("underlay next hop {} does not answer ARP", address.to_string());
    entry.state = NextHopState::kUnreachable;
    publish(entry, std::nullopt);
  }
}

void NextHopTable::tick(Clock::time_point now) {
  if (!uplink_mac_) {
    return;
  }
  while (!due_.empty() && due_.begin()->first <= now) {
    const Ipv4Address address = due_.begin()->second;
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
    views.push_back({address, entry.mac, entry.state, age, entry.tunnels});
  }
  return views;
}

}  // namespace alkaid
