#include "dataplane/tables/segment_table.hpp"

#include <algorithm>

namespace alkaid {

SegmentTable::SegmentTable(std::uint32_t capacity, QuiescenceDomain& quiescence)
    : quiescence_(quiescence),
      occupancy_{.name = "segments", .capacity = capacity},
      slots_(capacity) {
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
  if (const Zone zone = zone_of(vni); zone != kNoZone) {
    ++references_[vni.number()];
    return zone;
  }
  if (free_.empty()) {
    quiescence_.drain();
  }
  if (free_.empty()) {
    ++occupancy_.full_events;
    return std::nullopt;
  }
  const Zone zone = free_.back();
  zone_entry(vni).store(zone + 1, std::memory_order_release);
  free_.pop_back();
  references_[vni.number()] = 1;
  occupancy_.high_water = std::max(occupancy_.high_water, ++occupancy_.used);
  return zone;
}

std::atomic<Zone>& SegmentTable::zone_entry(Vni vni) {
  auto& slot = directory_[vni.number() / kPageSize];
  auto* page = const_cast<Page*>(slot.load(std::memory_order_relaxed));
  if (page == nullptr) {
    page = pages_.emplace_back(std::make_unique<Page>()).get();
    slot.store(page, std::memory_order_release);
  }
  return (*page)[vni.number() % kPageSize];
}

void SegmentTable::release(Vni vni) {
  const auto reference = references_.find(vni.number());
  if (reference == references_.end() || --reference->second > 0) {
    return;
  }
  references_.erase(reference);
  const Zone zone = zone_of(vni);
  zone_entry(vni).store(0, std::memory_order_release);
  --occupancy_.used;
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
