// Whose addresses are in which security groups: ports of this host, ports of others whose states
// came by, and neighbors. For one thread (the reconciler's).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/agent/desired/security_groups.hpp"
#include "control/common/net/ip_address.hpp"

namespace alkaid::agent {

class Journal;
struct StationRecord;

// 64 bits of hash of a port's id, which is its neighbors' id too; 0 is nobody's. It is kept in the
// journal: XXH3, whose results don't change.
using StationKey = std::uint64_t;
StationKey station_key(std::string_view id);

// Sets of group ids, each stored once however many have it.
class GroupSets {
 public:
  using Ids = std::vector<std::string>;  // sorted, without repetitions
  using Handle = std::map<Ids, std::size_t>::pointer;

  // The caller's handle ends with release(). nullptr for the empty set.
  Handle take(const Ids& ids);
  void release(Handle handle);

  static const Ids& ids_of(Handle handle);

 private:
  std::map<Ids, std::size_t> sets_;  // and how many hold it
};

// A station is a port, wherever it is. Its groups are those of its port's state; its addresses
// those of its port's state and of the neighbors with its id. It keeps its groups when its port
// leaves this host: the neighbor that says where it went doesn't say which groups it has.
class Stations {
 public:
  // Of the ports that are not on this host; what comes after them is not remembered.
  static constexpr std::size_t kMostRemote = std::size_t{1} << 18;
  // Of these, of the ones without any address: then the first is forgotten.
  static constexpr std::size_t kMostIdle = std::size_t{1} << 16;

  explicit Stations(SecurityGroups& groups);

  void set_journal(Journal& journal) { journal_ = &journal; }

  // A port's state, of this host (local) or another one. While the port is here, what is said of it
  // for other hosts doesn't count. False: too many.
  bool set_port(std::string_view id, const GroupSets::Ids& groups,
                const std::vector<IpAddress>& addresses, bool local);
  void delete_port(std::string_view id, bool local);

  // Neighbors' rows. They are counted only if is_indexed(): call with all rows when wants_index().
  [[nodiscard]] bool is_indexed() const { return indexed_; }
  [[nodiscard]] bool wants_index() const { return !indexed_ && remote_ > 0; }
  void start_index() { indexed_ = true; }
  void add_row(StationKey key, const IpAddress& address);
  void remove_row(StationKey key, const IpAddress& address);
  // The neighbor's DELETE: its port is not where its state said.
  void forget_address(std::string_view id, const IpAddress& address);

  [[nodiscard]] std::size_t remote() const { return remote_; }

  // Those that are not on this host; the others follow from its ports.
  void describe(Journal& journal) const;
  void restore(StationKey key, const StationRecord& record);

 private:
  struct Station {
    bool is_local = false;
    GroupSets::Handle groups = nullptr;
    std::vector<IpAddress> addresses;
  };

  template <class Function>
  void for_each_address(StationKey key, const Station& station, const Function& function) const;
  void enter(StationKey key, const Station& station);
  void leave(StationKey key, const Station& station);
  [[nodiscard]] bool is_idle(StationKey key, const Station& station) const;
  void note_if_idle(StationKey key);
  void erase(StationKey key);
  void keep(StationKey key, const Station& station);

  SecurityGroups& groups_;
  Journal* journal_;
  GroupSets sets_;
  std::unordered_map<StationKey, Station> stations_;
  std::size_t remote_ = 0;       // of them, not on this host
  std::deque<StationKey> idle_;  // that were idle once, the oldest first
  bool indexed_ = false;
  std::unordered_multimap<StationKey, IpAddress> rows_;
};

}  // namespace alkaid::agent
