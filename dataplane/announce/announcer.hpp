// Keeps caches right when something moves: guests' (a port came up here, maybe after a migration;
// another MAC is behind an address) and those of hosts that learn from packets (a kernel's VXLAN
// device). Every announcement is repeated, since nobody confirms it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/vni.hpp"
#include "dataplane/ports/port.hpp"
#include "dataplane/tables/objects.hpp"
#include "dataplane/tables/tables.hpp"

namespace alkaid {

// Control thread only.
class Announcer {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Bytes = std::span<const std::uint8_t>;

  struct Outputs {
    // Sends a frame to a guest.
    std::function<bool(const Port&, Bytes)> to_port;
    // Sends a frame to every other host that has neighbors in the VNI; returns how many there are.
    std::function<unsigned(Vni, Bytes)> to_hosts;
    // What a port was configured with; nullptr: there is none.
    std::function<const PortConfig*(const std::string& id)> config_of;
  };

  static constexpr unsigned kRepetitions = 3;
  static constexpr std::chrono::seconds kInterval{1};
  // Frames: however much moves at once, it's told at a pace that disturbs nobody.
  static constexpr unsigned kMostPerTick = 8;
  // Addresses and ports that wait to be announced; what comes on top is not announced, only
  // counted.
  static constexpr std::size_t kMostPending = 16384;

  Announcer(const Tables& tables, const PortTable& ports, Outputs outputs);

  // A guest port was published in place of `before` (nullptr: there was none) or removed (`now` is
  // nullptr).
  void port_changed(const Port* before, const Port* now, Time time);
  // Another MAC is behind the address than before.
  void station_moved(Vni vni, const IpAddress& address, Time time);
  // Sends what is due; bounded work.
  void tick(Time now);

  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  [[nodiscard]] std::uint64_t given_up() const { return given_up_; }

 private:
  // What is announced: the gateways of a port's segments to its guest, or a station.
  struct Subject {
    PortIndex port = kNoPort;  // kNoPort: a station
    Vni vni;
    IpAddress address;

    auto operator<=>(const Subject&) const = default;
  };
  struct Entry {
    Time due;
    unsigned left = kRepetitions;
    bool to_guests = false;
    bool to_hosts = false;
  };
  // Frames that are being sent, over several ticks if need be.
  struct Job {
    std::vector<std::uint8_t> frame;
    std::vector<PortIndex> ports;
  };

  void add(const Subject& subject, Entry entry);
  void leave(Vni vni, PortIndex port);
  void announce_gateways(const Port& port);
  void announce_station(const Subject& subject, const Entry& entry);
  void send(const Port& port, Bytes frame);

  const Tables& tables_;
  const PortTable& ports_;
  const Outputs outputs_;
  std::map<Subject, Entry> entries_;
  std::set<std::pair<Time, Subject>> due_;
  std::map<Vni, std::set<PortIndex>> by_vni_;  // guest ports that forward
  Job job_;
  unsigned budget_ = 0;  // frames left in this tick
  std::uint64_t sent_ = 0;
  std::uint64_t given_up_ = 0;
};

}  // namespace alkaid
