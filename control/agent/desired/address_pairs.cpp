// Addresses that neighbors may use beside their own: rows weaker than anybody's own address.
#include <algorithm>
#include <map>
#include <set>

#include "control/agent/desired/store.hpp"

namespace alkaid::agent {

void DesiredStore::release_pair(Subnet& subnet, std::string_view neighbor,
                                const IpAddress& address) {
  const auto claims = subnet.pairs.find(address);
  std::erase_if(claims->second,
                [neighbor](const PairClaim& claim) { return claim.neighbor == neighbor; });
  journal_->put_claims(subnet.place, address, claims->second);
  if (claims->second.empty()) {
    subnet.pairs.erase(claims);
  }
  if (subnet.vni != Vni{}) {
    dirty_.neighbors.insert({address, subnet.vni});
  }
}

// A claim that is repeated keeps its place: only news win over the claims of others.
void DesiredStore::replace_pairs(Subnet& subnet, std::string_view neighbor,
                                 const std::vector<NeighborPair>& pairs, const IpAddress& host) {
  const auto former = subnet.pairs_of.find(neighbor);
  if (former == subnet.pairs_of.end() && pairs.empty()) {
    return;
  }
  std::set<IpAddress> gone;
  if (former != subnet.pairs_of.end()) {
    gone.insert(former->second.begin(), former->second.end());
    subnet.pairs_of.erase(former);
  }
  std::set<IpAddress> claimed;
  for (const NeighborPair& pair : pairs) {
    if (!claimed.insert(pair.address).second) {
      continue;
    }
    gone.erase(pair.address);
    auto& claims = subnet.pairs[pair.address];
    const NeighborRow row{pair.mac, host};
    const auto same =
        std::find_if(claims.begin(), claims.end(),
                     [neighbor](const PairClaim& claim) { return claim.neighbor == neighbor; });
    if (same == claims.end() || same->row != row) {
      if (same != claims.end()) {
        claims.erase(same);
      }
      claims.push_back({std::string{neighbor}, row});
      journal_->put_claims(subnet.place, pair.address, claims);
    }
    if (subnet.vni != Vni{}) {
      dirty_.neighbors.insert({pair.address, subnet.vni});
    }
  }
  for (const IpAddress& address : gone) {
    release_pair(subnet, neighbor, address);
  }
  if (!claimed.empty()) {
    subnet.pairs_of.emplace(neighbor, std::vector<IpAddress>{claimed.begin(), claimed.end()});
  }
}

void DesiredStore::restore_claims(const NeighborAddress& address,
                                  const std::vector<PairClaim>& claims) {
  Subnet& record = *subnet_of(address);
  record.pairs[address.address] = claims;
  for (const PairClaim& claim : claims) {
    record.pairs_of[claim.neighbor].push_back(address.address);
  }
}

void DesiredStore::set_pairs(std::string_view neighbor, const NeighborSpec& spec) {
  std::set<Subnet*> done;
  for (const NeighborAddress& address : spec.addresses) {
    if (find_subnet(address) == nullptr) {
      continue;
    }
    Subnet& record = *subnet_of(address);
    if ((spec.pairs.empty() && record.pairs_of.empty()) || !done.insert(&record).second) {
      continue;
    }
    // Of the families that the neighbor has in this subnet.
    std::vector<NeighborPair> pairs;
    for (const NeighborPair& pair : spec.pairs) {
      const bool v4 = pair.address.is_v4();
      if (v4 == address.address.is_v4() ||
          std::any_of(spec.addresses.begin(), spec.addresses.end(), [&](const auto& other) {
            return other.address.is_v4() == v4 && find_subnet(other) == &record;
          })) {
        pairs.push_back(pair);
      }
    }
    replace_pairs(record, neighbor, pairs, spec.host);
  }
}

void DesiredStore::delete_pairs(std::string_view neighbor, const NeighborSpec& spec) {
  for (const NeighborAddress& address : spec.addresses) {
    const Subnet* known = find_subnet(address);
    if (known != nullptr && !known->pairs_of.empty()) {
      replace_pairs(*subnet_of(address), neighbor, {}, {});
    }
  }
}

void DesiredStore::delete_orphaned_pairs(const std::vector<NeighborPlace>& neighbors) {
  std::map<Subnet*, std::map<StationKey, std::string_view>> orphans;
  for (const NeighborPlace& neighbor : neighbors) {
    const NeighborAddress place{neighbor.subnet_id, neighbor.vni, {}};
    const Subnet* known = find_subnet(place);
    if (known != nullptr && known->pairs_of.contains(neighbor.name)) {
      orphans[subnet_of(place)].emplace(station_key(neighbor.name), neighbor.name);
    }
  }
  for (auto& [subnet, names] : orphans) {
    for (const auto& [address, row] : subnet->neighbors) {
      names.erase(row.station);
      if (names.empty()) {
        break;
      }
    }
    for (const auto& [station, name] : names) {
      replace_pairs(*subnet, name, {}, {});
    }
    drop_if_unused(*subnet);
  }
}

}  // namespace alkaid::agent
