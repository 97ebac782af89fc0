// Who has an address: (VNI, IP) and (VNI, MAC) to a port of this host or a tunnel to another.
// Design and numbers: docs/design/neighbor-table.md.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "control/common/net/vni.hpp"
#include "dataplane/ports/port.hpp"
#include "dataplane/rcu/quiescence.hpp"
#include "dataplane/tables/neighbor_slot.hpp"
#include "dataplane/tables/objects.hpp"
#include "dataplane/tables/record_index.hpp"
#include "dataplane/tables/table_occupancy.hpp"
#include "dataplane/underlay/tunnel.hpp"

namespace alkaid {

// A station, as workers find it: one claim to an address. Immutable.
struct Neighbor {
  IpAddress ip;                    // none: the claim of a port to its MAC
  const Tunnel* tunnel = nullptr;  // remote
  PortIndex port = kNoPort;        // local
  Vni vni;
  MacAddress station_mac;

  [[nodiscard]] bool is_local() const { return port != kNoPort; }
  [[nodiscard]] const MacAddress& mac() const { return station_mac; }
};

// Readers: workers. Writers: the control thread.
//
// Several may claim one address: while a port moves between hosts it is local and remote at once,
// and stations may share a MAC. What is found is the claim of a port of this host, the last one
// made, else the last remote one; when a claim goes, the next one serves without a new message.
class NeighborTable {
 public:
  // addresses: how many (VNI, IP) of both families, here and remote. local_macs: claims of ports to
  // MACs, beside them. Throws std::runtime_error with a text for the operator.
  NeighborTable(std::uint32_t addresses, std::uint32_t local_macs, QuiescenceDomain& quiescence);
  ~NeighborTable();
  NeighborTable(const NeighborTable&) = delete;
  NeighborTable& operator=(const NeighborTable&) = delete;

 private:
  [[nodiscard]] auto is_at(Vni vni, const IpAddress& ip) const {
    return [this, vni, ip = words(ip)](Number number) {
      return records_[number].vni == vni && words(records_[number].ip) == ip;
    };
  }
  [[nodiscard]] auto is_at(Vni vni, const MacAddress& mac) const {
    return [this, vni, mac](Number number) {
      return records_[number].vni == vni && records_[number].station_mac == mac;
    };
  }

 public:
  // ---- any thread; a worker may use the result until it next reports a quiescent state
  [[nodiscard]] const Neighbor* find(Vni vni, const IpAddress& ip) const {
    return neighbor(find_number(vni, ip));
  }
  [[nodiscard]] const Neighbor* find(Vni vni, const MacAddress& mac) const {
    return neighbor(find_number(vni, mac));
  }

  // The same, and how to find it again.
  using Slot = NeighborSlot;
  [[nodiscard]] const Neighbor* find(Vni vni, const IpAddress& ip, Slot& slot) const {
    return found(by_ip_.find_with_slot(hash(vni, ip), is_at(vni, ip)), 0, slot);
  }
  [[nodiscard]] const Neighbor* find(Vni vni, const MacAddress& mac, Slot& slot) const {
    return found(by_mac_.find_with_slot(hash(vni, mac), is_at(vni, mac)), kByMacPlace, slot);
  }
  void prefetch_slot(std::uint32_t place) const { index_of(place).prefetch(place & ~kByMacPlace); }
  // nullptr: nobody has the address any more. slot.place is not kNoPlace.
  [[nodiscard]] const Neighbor* at(const Slot& slot) const {
    return neighbor(index_of(slot.place).at({slot.place & ~kByMacPlace, slot.signature}));
  }

  // ---- control thread
  // Called with a claim that is no longer what its address or MAC leads to; the one that took its
  // place, if there is one, is found already. One listener.
  using Listener = std::function<void(const Neighbor&)>;
  void on_superseded(Listener listener) { superseded_ = std::move(listener); }

  // Sets the remote claim to (vni, ip); false if the table is full, and then nothing has changed.
  bool set_remote(const NeighborKey& key, const MacAddress& mac, const Tunnel* tunnel);
  // nullptr if there is none.
  [[nodiscard]] const Neighbor* find_remote(const NeighborKey& key) const;
  [[nodiscard]] const Neighbor* find_remote(Vni vni, const MacAddress& mac) const {
    return neighbor(remote_claim(kByMac, find_number(vni, mac)));
  }
  // The tunnel that the claim pointed to, nullptr if there was none.
  const Tunnel* remove_remote(const NeighborKey& key);
  // A port's claims to its addresses; false if the table is full, and then nothing has changed.
  // Changing a claim that the port has already never fails.
  bool set_local(const NeighborKey& key, const MacAddress& mac, PortIndex port);
  bool set_local_mac(Vni vni, const MacAddress& mac, PortIndex port);
  void remove_local(const NeighborKey& key, PortIndex port);
  void remove_local_mac(Vni vni, const MacAddress& mac, PortIndex port);

  // visit(const Neighbor&) for every remote claim; must not change the table.
  template <class Visit>
  void for_each_remote(Visit&& visit) const {
    for (Number number = 1; number < fresh_; ++number) {
      const Record& record = records_[number];
      if (record.in_use && record.tunnel != nullptr) {
        visit(static_cast<const Neighbor&>(record));
      }
    }
  }
  // used: addresses.
  [[nodiscard]] const TableOccupancy& occupancy() const { return occupancy_; }

 private:
  using Number = RecordIndex::Number;
  static constexpr Number kNone = RecordIndex::kNone;

  // The two ways to find a record. All claims to one address, or to one MAC, form a list; the
  // index points to its head.
  enum Side : std::uint8_t { kByIp, kByMac };
  struct Links {
    Number previous = kNone;
    Number next = kNone;
  };
  struct alignas(64) Record : Neighbor {
    // The control thread's.
    std::array<Links, 2> links;
    bool in_use = false;  // published, not merely waiting for its grace period
  };
  static_assert(sizeof(Record) == 64);
  struct Free {
    void operator()(void* memory) const;
  };

  [[nodiscard]] const Neighbor* neighbor(Number number) const {
    return number != kNone ? &records_[number] : nullptr;
  }
  [[nodiscard]] Number find_number(Vni vni, const IpAddress& ip) const {
    return by_ip_.find(hash(vni, ip), is_at(vni, ip));
  }
  [[nodiscard]] Number find_number(Vni vni, const MacAddress& mac) const {
    return by_mac_.find(hash(vni, mac), is_at(vni, mac));
  }

  // In a slot's place: it is one of by_mac_.
  static constexpr std::uint32_t kByMacPlace = 1U << 31;
  [[nodiscard]] const RecordIndex& index_of(std::uint32_t place) const {
    return (place & kByMacPlace) != 0 ? by_mac_ : by_ip_;
  }
  [[nodiscard]] const Neighbor* found(const RecordIndex::Found& found, std::uint32_t side,
                                      Slot& slot) const {
    slot = {found.slot.place | side, found.slot.signature};
    return neighbor(found.number);
  }

  // Keyed and not linear: guests choose addresses, and must not choose who shares a bucket.
  static std::uint64_t mix(std::uint64_t one, std::uint64_t other) {
    const unsigned __int128 product = static_cast<unsigned __int128>(one) * other;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  static std::array<std::uint64_t, 2> words(const IpAddress& ip) {
    return std::bit_cast<std::array<std::uint64_t, 2>>(ip.bytes());
  }
  [[nodiscard]] std::uint64_t hash(Vni vni, const IpAddress& ip) const {
    const auto halves = words(ip);
    return mix(mix(halves[0] ^ secrets_[0], halves[1] ^ secrets_[1]) ^ vni.number(), secrets_[2]);
  }
  [[nodiscard]] std::uint64_t hash(Vni vni, const MacAddress& mac) const {
    return mix(mac.number() ^ secrets_[3], vni.number() ^ secrets_[4]);
  }
  [[nodiscard]] std::uint64_t hash(Side side, const Neighbor& record) const {
    return side == kByIp ? hash(record.vni, record.ip) : hash(record.vni, record.station_mac);
  }

  // Ahead of the claims of its kind (local before remote); in force at once if that is the head.
  void link(Side side, Number number);
  void unlink(Side side, Number number);
  [[nodiscard]] RecordIndex& index(Side side) { return side == kByIp ? by_ip_ : by_mac_; }
  [[nodiscard]] Number head(Side side, const Neighbor& record) const {
    return side == kByIp ? find_number(record.vni, record.ip)
                         : find_number(record.vni, record.station_mac);
  }
  // The first claim from `head` on that is remote, or the one of `port`.
  [[nodiscard]] Number remote_claim(Side side, Number head) const;
  [[nodiscard]] Number claim_of(Side side, Number head, PortIndex port) const;
  [[nodiscard]] bool is_first_remote(Number number) const;

  // Refuses (false, counted) a claim that would be one too many.
  bool has_room(bool for_new_address);
  Number allocate(const Neighbor& content);
  void retire(Number number);
  // A port's claim to an address or a MAC.
  bool claim(Side side, const Neighbor& content);
  void give_up(Side side, const Neighbor& content);

  QuiescenceDomain& quiescence_;
  std::array<std::uint64_t, 5> secrets_{};
  RecordIndex by_ip_;
  RecordIndex by_mac_;
  std::unique_ptr<void, Free> memory_;
  Record* records_ = nullptr;
  // Numbers below fresh_ have been in use; those that are free again form a list.
  Number fresh_ = 1;
  Number free_ = kNone;
  const std::uint32_t most_claims_;
  const std::uint32_t records_count_;  // claims, and those that wait for their grace period
  std::uint32_t claims_ = 0;
  TableOccupancy occupancy_;
  Listener superseded_ = [](const Neighbor&) {};
};

}  // namespace alkaid
