#include "dataplane/tables/segment_table.hpp"

namespace alkaid {

SegmentTable::SegmentTable(std::uint32_t capacity, QuiescenceDomain& quiescence)
    : quiescence_(quiescence), zones_("segments", capacity, quiescence), slots_(capacity) {
  free_.reserve(capacity);
  for (std::uint32_t zone = capacity; zone > 0; --zone) {
    free_.push_back(zone - 1);
  }
}

SegmentTable::~SegmentTable() {
  quiescence_.drain();
  for (const auto& slot : slots_) {
    delete slot.load(std::memory_order_relaxed);
  }
}

std::optional<Zone> SegmentTable::acquire(Vni vni) {
  if (const Zone* zone = zones_.find(vni.number())) {
    ++references_[vni.number()];
    return *zone;
  }
  if (free_.empty()) {
    quiescence_.drain();
  }
  // Without a free slot the map is full as well; it refuses and counts that.
  const Zone zone = free_.empty() ? kNoZone : free_.back();
  if (!zones_.put(vni.number(), std::make_unique<const Zone>(zone))) {
    return std::nullopt;
  }
  free_.pop_back();
  references_[vni.number()] = 1;
  return zone;
}

void SegmentTable::release(Vni vni) {
  const auto reference = references_.find(vni.number());
  if (reference == references_.end() || --reference->second > 0) {
    return;
  }
  references_.erase(reference);
  const Zone zone = *zones_.find(vni.number());
  zones_.erase(vni.number());
  quiescence_.retire([this, zone] { free_.push_back(zone); });
}

void SegmentTable::publish(std::unique_ptr<const Segment> segment) {
  auto& slot = slots_[segment->zone];
  const Segment* old = slot.exchange(segment.release(), std::memory_order_acq_rel);
  if (old != nullptr) {
    quiescence_.retire_object(old);
  }
}

void SegmentTable::unpublish(Vni vni) {
  const Segment* segment = find(vni);
  if (segment != nullptr) {
    slots_[segment->zone].store(nullptr, std::memory_order_release);
    quiescence_.retire_object(segment);
  }
}

}  // namespace alkaid
