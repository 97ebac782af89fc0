#include "dataplane/tables/neighbor_table.hpp"

#include <algorithm>
#include <new>
#include <random>
#include <stdexcept>

#include <fmt/format.h>
#include <rte_malloc.h>

namespace alkaid {
namespace {

// Records that may wait for their grace period before a change has to wait for it.
constexpr std::uint32_t kFewestSpareRecords = 256;
constexpr std::uint32_t kSpareShare = 16;

std::array<std::uint64_t, 5> random_secrets() {
  std::random_device device;
  std::array<std::uint64_t, 5> secrets{};
  for (auto& secret : secrets) {
    secret = std::uint64_t{device()} << 32 | device() | 1;
  }
  return secrets;
}

}  // namespace

void NeighborTable::Free::operator()(void* memory) const {
  rte_free(memory);
}

NeighborTable::NeighborTable(std::uint32_t addresses, std::uint32_t local_macs,
                             QuiescenceDomain& quiescence) try
    : quiescence_(quiescence),
      secrets_(random_secrets()),
      by_ip_(addresses),
      by_mac_(std::uint64_t{addresses} + local_macs),
      most_claims_(addresses + local_macs),
      records_count_(most_claims_ + kFewestSpareRecords + addresses / kSpareShare),
      occupancy_{.name = "neighbors", .capacity = addresses} {
  // Number 0 is no record.
  const std::size_t size = (std::size_t{records_count_} + 1) * sizeof(Record);
  memory_.reset(rte_zmalloc("neighbors", size, alignof(Record)));
  if (!memory_) {
    throw std::bad_alloc();
  }
  records_ = static_cast<Record*>(memory_.get());
  occupancy_.bytes = size + by_ip_.bytes() + by_mac_.bytes();
} catch (const std::bad_alloc&) {
  constexpr std::uint64_t kBytesPerAddress = 96;
  throw std::runtime_error(
      fmt::format("no memory for {} neighbors, which take {} MiB (more memory: --memory; fewer "
                  "neighbors: --max-neighbors)",
                  addresses, 1 + (addresses * kBytesPerAddress >> 20)));
}

NeighborTable::~NeighborTable() {
  quiescence_.drain();
}

NeighborTable::Number NeighborTable::remote_claim(Side side, Number head) const {
  Number number = head;
  while (number != kNone && records_[number].is_local()) {
    number = records_[number].links[side].next;
  }
  return number;
}

NeighborTable::Number NeighborTable::claim_of(Side side, Number head, PortIndex port) const {
  Number number = head;
  while (number != kNone && records_[number].port != port) {
    number = records_[number].links[side].next;
  }
  return number;
}

bool NeighborTable::is_first_remote(Number number) const {
  const Number previous = records_[number].links[kByMac].previous;
  return previous == kNone || records_[previous].is_local();
}

void NeighborTable::link(Side side, Number number) {
  Record& record = records_[number];
  const Number first = head(side, record);
  // A remote claim stands behind the local ones.
  Number previous = kNone;
  Number next = first;
  if (!record.is_local()) {
    while (next != kNone && records_[next].is_local()) {
      previous = next;
      next = records_[next].links[side].next;
    }
  }
  record.links[side] = {previous, next};
  if (next != kNone) {
    records_[next].links[side].previous = number;
  }
  if (previous != kNone) {
    records_[previous].links[side].next = number;
  } else if (first == kNone) {
    index(side).insert(hash(side, record), number);
    if (side == kByIp) {
      occupancy_.high_water = std::max(occupancy_.high_water, ++occupancy_.used);
    }
  } else {
    index(side).replace(hash(side, record), first, number);
    superseded_(records_[first]);
  }
}

void NeighborTable::unlink(Side side, Number number) {
  const Record& record = records_[number];
  const auto [previous, next] = record.links[side];
  if (next != kNone) {
    records_[next].links[side].previous = previous;
  }
  if (previous != kNone) {
    records_[previous].links[side].next = next;
  } else if (next != kNone) {
    index(side).replace(hash(side, record), number, next);
    superseded_(record);
  } else {
    index(side).erase(hash(side, record), number);
    if (side == kByIp) {
      --occupancy_.used;
    }
    superseded_(record);
  }
}

bool NeighborTable::has_room(bool for_new_address) {
  if (claims_ < most_claims_ && !(for_new_address && occupancy_.used >= occupancy_.capacity)) {
    return true;
  }
  ++occupancy_.full_events;
  return false;
}

NeighborTable::Number NeighborTable::allocate(const Neighbor& content) {
  if (free_ == kNone && fresh_ > records_count_) {
    // All that are left wait for their grace period.
    if (quiescence_.reclaim(); free_ == kNone) {
      quiescence_.drain();
    }
  }
  Number number = free_;
  if (number != kNone) {
    free_ = records_[number].links[kByIp].next;
  } else {
    number = fresh_++;
  }
  auto* record = new (&records_[number]) Record;
  static_cast<Neighbor&>(*record) = content;
  record->in_use = true;
  ++claims_;
  return number;
}

void NeighborTable::retire(Number number) {
  records_[number].in_use = false;
  --claims_;
  quiescence_.retire([this, number] {
    records_[number].links[kByIp].next = free_;
    free_ = number;
  });
}

const Neighbor* NeighborTable::find_remote(const NeighborKey& key) const {
  return neighbor(remote_claim(kByIp, find_number(key.vni, key.ip)));
}

bool NeighborTable::set_remote(const NeighborKey& key, const MacAddress& mac,
                               const Tunnel* tunnel) {
  const Number first = find_number(key.vni, key.ip);
  const Number old = remote_claim(kByIp, first);
  if (old == kNone && !has_room(first == kNone)) {
    return false;
  }
  if (old != kNone && records_[old].tunnel == tunnel && records_[old].station_mac == mac &&
      is_first_remote(old)) {
    return true;
  }
  // Make before break: the new claim is found by both ways before the old one is not.
  const Number number =
      allocate({.ip = key.ip, .tunnel = tunnel, .vni = key.vni, .station_mac = mac});
  for (const Side side : {kByIp, kByMac}) {
    link(side, number);
  }
  if (old != kNone) {
    for (const Side side : {kByIp, kByMac}) {
      unlink(side, old);
    }
    retire(old);
  }
  return true;
}

const Tunnel* NeighborTable::remove_remote(const NeighborKey& key) {
  const Number old = remote_claim(kByIp, find_number(key.vni, key.ip));
  if (old == kNone) {
    return nullptr;
  }
  for (const Side side : {kByIp, kByMac}) {
    unlink(side, old);
  }
  retire(old);
  return records_[old].tunnel;
}

bool NeighborTable::claim(Side side, const Neighbor& content) {
  const Number first = head(side, content);
  const Number old = claim_of(side, first, content.port);
  if (old == kNone && !has_room(side == kByIp && first == kNone)) {
    return false;
  }
  if (old != kNone && old == first && records_[old].station_mac == content.station_mac) {
    return true;
  }
  link(side, allocate(content));
  if (old != kNone) {
    unlink(side, old);
    retire(old);
  }
  return true;
}

void NeighborTable::give_up(Side side, const Neighbor& content) {
  const Number old = claim_of(side, head(side, content), content.port);
  if (old != kNone) {
    unlink(side, old);
    retire(old);
  }
}

bool NeighborTable::set_local(const NeighborKey& key, const MacAddress& mac, PortIndex port) {
  return claim(kByIp, {.ip = key.ip, .port = port, .vni = key.vni, .station_mac = mac});
}

bool NeighborTable::set_local_mac(Vni vni, const MacAddress& mac, PortIndex port) {
  return claim(kByMac, {.port = port, .vni = vni, .station_mac = mac});
}

void NeighborTable::remove_local(const NeighborKey& key, PortIndex port) {
  give_up(kByIp, {.ip = key.ip, .port = port, .vni = key.vni});
}

void NeighborTable::remove_local_mac(Vni vni, const MacAddress& mac, PortIndex port) {
  give_up(kByMac, {.port = port, .vni = vni, .station_mac = mac});
}

}  // namespace alkaid
