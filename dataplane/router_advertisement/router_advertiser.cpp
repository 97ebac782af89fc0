#include "dataplane/router_advertisement/router_advertiser.hpp"

#include <algorithm>
#include <array>

namespace alkaid {
namespace {

bool says_the_same(const Segment& one, const Segment& other) {
  return one.mtu == other.mtu && one.router_advertisement == other.router_advertisement;
}

}  // namespace

RouterAdvertiser::RouterAdvertiser(const SegmentTable& segments, const PortTable& ports,
                                   std::chrono::seconds interval, Send send)
    : segments_(segments),
      ports_(ports),
      interval_(interval),
      send_(std::move(send)),
      random_(std::random_device{}()) {}

void RouterAdvertiser::port_changed(const Port* before, const Port* now, Time time) {
  if (interval_.count() == 0) {
    return;
  }
  if (now == nullptr || !now->forwards()) {
    if (before != nullptr) {
      remove(before->index);
    }
    return;
  }
  const bool is_same = before != nullptr && before->forwards() && before->zone_v6 == now->zone_v6 &&
                       before->mac == now->mac && before->mtu == now->mtu;
  const auto known = entries_.find(now->index);
  if (is_same && known != entries_.end()) {
    return;
  }
  if (known != entries_.end() && known->second.zone != now->zone_v6) {
    remove(now->index);
  }
  Entry& entry = entries_[now->index];
  entry.zone = now->zone_v6;
  by_zone_[now->zone_v6].insert(now->index);
  start(now->index, entry, time);
}

void RouterAdvertiser::segment_changed(const Segment* before, const Segment& now, Time time) {
  const auto ports = by_zone_.find(now.zone);
  if (ports == by_zone_.end() || (before != nullptr && says_the_same(*before, now))) {
    return;
  }
  for (const PortIndex index : ports->second) {
    start(index, entries_.at(index), time);
  }
}

void RouterAdvertiser::start(PortIndex index, Entry& entry, Time time) {
  entry.initial_left = kInitialAdvertisements;
  schedule(index, entry, std::max(time, entry.last + kShortestDelay));
}

void RouterAdvertiser::schedule(PortIndex index, Entry& entry, Time due) {
  due_.erase({entry.due, index});
  entry.due = due;
  due_.emplace(due, index);
}

void RouterAdvertiser::remove(PortIndex index) {
  const auto found = entries_.find(index);
  if (found == entries_.end()) {
    return;
  }
  due_.erase({found->second.due, index});
  const auto zone = by_zone_.find(found->second.zone);
  zone->second.erase(index);
  if (zone->second.empty()) {
    by_zone_.erase(zone);
  }
  entries_.erase(found);
}

std::chrono::milliseconds RouterAdvertiser::random_interval() {
  using Distribution = std::uniform_int_distribution<std::chrono::milliseconds::rep>;
  return std::chrono::milliseconds{Distribution{interval_.count() / 3, interval_.count()}(random_)};
}

void RouterAdvertiser::tick(Time now) {
  for (unsigned i = 0; i < kMostPerTick && !due_.empty() && due_.begin()->first <= now; ++i) {
    const PortIndex index = due_.begin()->second;
    Entry& entry = entries_.at(index);
    if (const Port* port = ports_.find(index)) {
      advertise(*port);
    }
    entry.last = now;
    if (entry.initial_left > 0) {
      --entry.initial_left;
    }
    const std::chrono::milliseconds interval = random_interval();
    schedule(index, entry,
             now + (entry.initial_left > 0
                        ? std::min<std::chrono::milliseconds>(interval, kInitialInterval)
                        : interval));
  }
}

void RouterAdvertiser::advertise(const Port& port) {
  const Segment* segment = segments_.at(port.zone_v6);
  if (segment == nullptr || segment->router_advertisement.is_empty()) {
    return;
  }
  std::array<std::uint8_t, kLargestRouterAdvertisementFrame> frame;
  const std::size_t length = write_router_advertisement(
      segment->router_advertisement, std::min(segment->mtu, port.mtu), all_nodes(), frame);
  // What can't be sent now is said again by the next one.
  if (send_(port, std::span{frame}.first(length))) {
    ++sent_;
  }
}

}  // namespace alkaid
