#include "dataplane/control/local_addresses.hpp"

#include <algorithm>

namespace alkaid {

const Neighbor* LocalAddresses::find(const StationKey& key) const {
  const auto* ip = std::get_if<IpAddress>(&key.address);
  return ip != nullptr ? neighbors_.find(key.vni, *ip)
                       : neighbors_.find(key.vni, std::get<MacAddress>(key.address));
}

bool LocalAddresses::is_elsewhere(const StationKey& key) const {
  const auto* ip = std::get_if<IpAddress>(&key.address);
  return (ip != nullptr
              ? neighbors_.find_remote({key.vni, *ip})
              : neighbors_.find_remote(key.vni, std::get<MacAddress>(key.address))) != nullptr;
}

bool LocalAddresses::enter(const StationKey& key, const MacAddress& mac, PortIndex port) {
  const auto* ip = std::get_if<IpAddress>(&key.address);
  return ip != nullptr ? neighbors_.set_local({key.vni, *ip}, mac, port)
                       : neighbors_.set_local_mac(key.vni, mac, port);
}

void LocalAddresses::take_out(const StationKey& key, PortIndex port) {
  if (const auto* ip = std::get_if<IpAddress>(&key.address)) {
    neighbors_.remove_local({key.vni, *ip}, port);
  } else {
    neighbors_.remove_local_mac(key.vni, std::get<MacAddress>(key.address), port);
  }
}

bool LocalAddresses::add(const LocalClaim& claim, PortIndex port) {
  return claim.strength == LocalClaim::Strength::kFixed ? add_fixed(claim, port)
                                                        : add_allowed(claim, port);
}

bool LocalAddresses::add_fixed(const LocalClaim& claim, PortIndex port) {
  if (!enter(claim.key, claim.mac, port)) {
    return false;
  }
  const auto contest = contests_.find(claim.key);
  if (contest != contests_.end() && contest->second.winner != kNoPort) {
    // Else the table would give it back to the weaker claim, whatever other hosts have by then.
    if (contest->second.winner != port) {
      take_out(claim.key, contest->second.winner);
    }
    contest->second.winner = kNoPort;
  }
  return true;
}

bool LocalAddresses::add_allowed(const LocalClaim& claim, PortIndex port) {
  Contest& contest = contests_[claim.key];
  const auto known = std::find_if(contest.claims.begin(), contest.claims.end(),
                                  [port](const Allowed& other) { return other.port == port; });
  if (known != contest.claims.end()) {
    if (known->mac != claim.mac) {
      known->mac = claim.mac;
      return contest.winner != port || enter(claim.key, claim.mac, port);
    }
    return true;
  }
  contest.claims.push_back({port, claim.mac});
  if (!settle(claim.key, contest)) {
    remove_allowed(claim.key, port);
    return false;
  }
  return true;
}

void LocalAddresses::remove(const LocalClaim& claim, PortIndex port) {
  if (claim.strength == LocalClaim::Strength::kAllowed) {
    remove_allowed(claim.key, port);
    return;
  }
  const auto contest = contests_.find(claim.key);
  if (contest == contests_.end()) {
    take_out(claim.key, port);
  } else if (contest->second.winner == kNoPort) {
    take_out(claim.key, port);
    settle(claim.key, contest->second);
  }
}

void LocalAddresses::remove_allowed(const StationKey& key, PortIndex port) {
  const auto found = contests_.find(key);
  if (found == contests_.end()) {
    return;
  }
  std::erase_if(found->second.claims, [port](const Allowed& other) { return other.port == port; });
  settle(key, found->second);
  if (found->second.claims.empty()) {
    contests_.erase(found);
  }
}

void LocalAddresses::remote_changed(const StationKey& key) {
  if (const auto found = contests_.find(key); found != contests_.end()) {
    settle(key, found->second);
  }
}

bool LocalAddresses::settle(const StationKey& key, Contest& contest) {
  const Neighbor* now = find(key);
  const bool is_remote = is_elsewhere(key);
  const bool is_fixed = now != nullptr && now->is_local() && contest.winner == kNoPort;
  const bool loses = contest.claims.empty() || is_remote || is_fixed;
  const Allowed winner = loses ? Allowed{} : contest.claims.back();
  if (winner.port == contest.winner) {
    return true;
  }
  if (winner.port != kNoPort && !enter(key, winner.mac, winner.port)) {
    return false;
  }
  if (contest.winner != kNoPort) {
    take_out(key, contest.winner);
  }
  contest.winner = winner.port;
  return true;
}

}  // namespace alkaid
