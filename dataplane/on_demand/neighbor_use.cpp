#include "dataplane/on_demand/neighbor_use.hpp"

#include <algorithm>
#include <atomic>

namespace alkaid {
namespace {

constexpr ConnectionNumber kMostPerTurn = 8192;

}  // namespace

NeighborUse::NeighborUse(FlowState& flows, const NeighborTable& neighbors,
                         const std::vector<NeighborKey>& keys)
    : flows_(flows), idle_(keys.size(), kNever) {
  slots_.reserve(2 * keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const Neighbor* neighbor = neighbors.find_remote(keys[i]);
    if (neighbor == nullptr) {
      continue;
    }
    // Routed connections name it by its IP address, bridged ones by its MAC.
    NeighborSlot slot;
    if (neighbors.find(keys[i].vni, keys[i].ip, slot) == neighbor) {
      slots_.emplace(name_of(slot.place, slot.signature), i);
    }
    if (neighbors.find(keys[i].vni, neighbor->mac(), slot) == neighbor) {
      slots_.emplace(name_of(slot.place, slot.signature), i);
    }
  }
}

template <class Key>
void NeighborUse::look(ConnectionNumber number, Milliseconds now) {
  for (const Direction direction : {Direction::kOriginal, Direction::kReply}) {
    FlowFields& fields = flows_.table<Key>().half(number, direction).fields;
    const auto found = slots_.find(name_of(
        std::atomic_ref{fields.hop}.load(std::memory_order_relaxed), fields.hop_signature()));
    if (found != slots_.end()) {
      const auto idle =
          static_cast<std::int32_t>(now - fields.last_seen.load(std::memory_order_relaxed));
      std::uint32_t& least = idle_[found->second];
      least = std::min(least, static_cast<std::uint32_t>(std::max(idle, 0)));
    }
  }
}

template <class Key>
bool NeighborUse::look_at_some() {
  auto& table = flows_.table<Key>();
  const Milliseconds now = flows_.clock.now();
  const ConnectionNumber end = std::min(next_ + kMostPerTurn, table.high_water());
  for (; next_ < end; ++next_) {
    if (table.record(next_).is_live()) {
      look<Key>(next_, now);
    }
  }
  return next_ < table.high_water();
}

bool NeighborUse::advance() {
  if (slots_.empty()) {
    return false;
  }
  if (!v4_done_) {
    if (!look_at_some<FlowKeyV4>()) {
      v4_done_ = true;
      next_ = 0;
    }
    return true;
  }
  return look_at_some<FlowKeyV6>();
}

}  // namespace alkaid
