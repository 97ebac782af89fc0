#include "dataplane/on_demand/neighbor_use.hpp"

#include <algorithm>
#include <utility>

namespace alkaid {
namespace {

constexpr ConnectionNumber kMostPerTurn = 8192;
constexpr std::size_t kMostKeysPerTurn = 2048;

}  // namespace

NeighborUse::NeighborUse(FlowState& flows, const NeighborTable& neighbors,
                         std::vector<NeighborKey> keys)
    : flows_(flows),
      neighbors_(neighbors),
      keys_(std::move(keys)),
      slots_(2 * keys_.size()),
      idle_(keys_.size(), kNever) {}

void NeighborUse::find_slots(std::size_t index) {
  const NeighborKey& key = keys_[index];
  const Neighbor* neighbor = neighbors_.find_remote(key);
  if (neighbor == nullptr) {
    return;
  }
  // Routed connections name it by its IP address, bridged ones by its MAC.
  NeighborSlot slot;
  if (neighbors_.find(key.vni, key.ip, slot) == neighbor) {
    slots_.emplace(name_of(slot.place, slot.signature), index);
  }
  if (neighbors_.find(key.vni, neighbor->mac(), slot) == neighbor) {
    slots_.emplace(name_of(slot.place, slot.signature), index);
  }
}

template <class Key>
void NeighborUse::look(ConnectionNumber number, Milliseconds now) {
  for (const Direction direction : {Direction::kOriginal, Direction::kReply}) {
    FlowFields& fields = flows_.table<Key>().half(number, direction).fields;
    const auto found =
        slots_.find(name_of(fields.hop.load(std::memory_order_relaxed), fields.hop_signature()));
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
  if (found_ < keys_.size()) {
    const std::size_t end = std::min(found_ + kMostKeysPerTurn, keys_.size());
    while (found_ < end) {
      find_slots(found_++);
    }
    return true;
  }
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
