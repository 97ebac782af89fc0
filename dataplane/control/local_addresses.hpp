// Which port of this host an address or MAC leads to, when several claim it.
#pragma once

#include <compare>
#include <map>
#include <variant>
#include <vector>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "control/common/net/vni.hpp"
#include "dataplane/tables/neighbor_table.hpp"

namespace alkaid {

// What a segment's packets can be addressed to.
struct StationKey {
  Vni vni;
  std::variant<IpAddress, MacAddress> address;

  auto operator<=>(const StationKey&) const = default;
};

struct LocalClaim {
  enum class Strength {
    kAllowed,  // of an allowed address pair: nobody else has it, here or on another host
    kFixed,    // the port's own: wins over neighbors on other hosts as well
  };

  StationKey key;
  MacAddress mac;  // where the address is
  Strength strength = Strength::kFixed;
};

// Control thread only. Enters the claims that win into the neighbor table. Of several equal claims
// the latest wins; when the winner goes the next one has it.
class LocalAddresses {
 public:
  explicit LocalAddresses(NeighborTable& neighbors) : neighbors_(neighbors) {}

  // Adds or repeats a claim; false if the neighbor table is full, and then nothing has changed.
  bool add(const LocalClaim& claim, PortIndex port);
  void remove(const LocalClaim& claim, PortIndex port);

  // The neighbor table has another remote half for the key, or none any more.
  void remote_changed(const StationKey& key);

 private:
  struct Allowed {
    PortIndex port = kNoPort;
    MacAddress mac;
  };
  // The claims of allowed address pairs on one key, the latest last.
  struct Contest {
    std::vector<Allowed> claims;
    PortIndex winner = kNoPort;  // whose claim is in the neighbor table; kNoPort: a stronger one's
  };

  [[nodiscard]] const Neighbor* find(const StationKey& key) const;
  [[nodiscard]] bool is_elsewhere(const StationKey& key) const;
  bool enter(const StationKey& key, const MacAddress& mac, PortIndex port);
  void take_out(const StationKey& key, PortIndex port);
  bool add_fixed(const LocalClaim& claim, PortIndex port);
  bool add_allowed(const LocalClaim& claim, PortIndex port);
  void remove_allowed(const StationKey& key, PortIndex port);
  // Makes the neighbor table say what the contest's outcome is now; false if the table is full.
  bool settle(const StationKey& key, Contest& contest);

  NeighborTable& neighbors_;
  std::map<StationKey, Contest> contests_;
};

}  // namespace alkaid
