// Programmer: ports and the addresses that are here.
#include <algorithm>

#include <fmt/format.h>

#include "control/common/joined.hpp"
#include "dataplane/control/object_error.hpp"
#include "dataplane/control/programmer.hpp"
#include "dataplane/control/station_watch.hpp"

namespace alkaid {
namespace {

constexpr std::size_t kLongestPortId = 255;
constexpr std::size_t kLongestGroupId = 255;
constexpr std::size_t kMostPortGroups = 64;  // each is asked about every new connection

// What a port's configuration says about who has which address on this host.
std::vector<LocalClaim> claims_of(const PortConfig& config) {
  using Strength = LocalClaim::Strength;
  std::vector<LocalClaim> claims{
      {StationKey{config.vni, config.mac}, config.mac, Strength::kFixed}};
  if (config.segment_v6() != config.vni) {
    claims.push_back({StationKey{config.segment_v6(), config.mac}, config.mac, Strength::kFixed});
  }
  const auto vni_of = [&config](const IpAddress& ip) {
    return ip.is_v4() ? config.vni : config.segment_v6();
  };
  for (const auto& ip : config.fixed_ips) {
    claims.push_back({StationKey{vni_of(ip), ip}, config.mac, Strength::kFixed});
  }
  for (const auto& pair : config.allowed_address_pairs) {
    const Vni vni = vni_of(pair.prefix.address);
    const MacAddress mac = pair.mac.is_zero() ? config.mac : pair.mac;
    if (pair.prefix.length == pair.prefix.max_length()) {
      claims.push_back({StationKey{vni, pair.prefix.address}, mac, Strength::kAllowed});
    }
    if (mac != config.mac) {
      claims.push_back({StationKey{vni, mac}, mac, Strength::kAllowed});
    }
  }
  return claims;
}

// Those of them that are addresses.
std::vector<NeighborKey> addresses_of(const PortConfig& config) {
  std::vector<NeighborKey> keys;
  for (const LocalClaim& claim : claims_of(config)) {
    if (const auto* ip = std::get_if<IpAddress>(&claim.key.address)) {
      keys.push_back({claim.key.vni, *ip});
    }
  }
  return keys;
}

}  // namespace

ObjectResult Programmer::add_addresses(const PortConfig& config, PortIndex index) {
  for (const auto& claim : claims_of(config)) {
    if (!locals_.add(claim, index)) {
      return full("neighbors");
    }
  }
  return std::nullopt;
}

void Programmer::remove_addresses(const PortConfig& config, const PortConfig* keep,
                                  PortIndex index) {
  const auto kept = keep != nullptr ? claims_of(*keep) : std::vector<LocalClaim>{};
  for (const auto& claim : claims_of(config)) {
    const bool is_kept = std::any_of(kept.begin(), kept.end(), [&](const LocalClaim& other) {
      return other.key == claim.key && other.strength == claim.strength;
    });
    if (!is_kept) {
      locals_.remove(claim, index);
    }
  }
}

std::optional<PortZones> Programmer::acquire_zones(const PortConfig& config) {
  const auto v4 = tables_.segments.acquire(config.vni);
  if (!v4) {
    return std::nullopt;
  }
  const auto v6 = tables_.segments.acquire(config.segment_v6());
  if (!v6) {
    tables_.segments.release(config.vni);
    return std::nullopt;
  }
  return PortZones{*v4, *v6};
}

void Programmer::release_zones(const PortConfig& config) {
  tables_.segments.release(config.vni);
  tables_.segments.release(config.segment_v6());
}

ObjectResult Programmer::set(const PortConfig& config) {
  if (config.id.empty() || config.id.size() > kLongestPortId) {
    return invalid("id", fmt::format("wants 1 to {} bytes", kLongestPortId));
  }
  if (!config.mac.is_unicast()) {
    return invalid("mac", fmt::format("{} is no unicast MAC address", config.mac.to_string()));
  }
  if (is_bad_mtu(config.mtu)) {
    return bad_mtu(config.mtu);
  }
  if (config.security_groups.size() > kMostPortGroups) {
    return invalid("security_groups", fmt::format("{} are more than {}",
                                                  config.security_groups.size(), kMostPortGroups));
  }
  for (const auto& group : config.security_groups) {
    if (group.empty() || group.size() > kLongestGroupId) {
      return invalid("security_groups", fmt::format("an id wants 1 to {} bytes", kLongestGroupId));
    }
  }
  std::string error;
  const auto attachment = Attachment::parse(config.attachment, error);
  if (!attachment) {
    return invalid("attachment", error);
  }
  const auto& trunks = ports_.trunks();
  if (attachment->kind == AttachmentKind::kVlan &&
      std::find(trunks.begin(), trunks.end(), attachment->device) == trunks.end()) {
    return invalid("attachment",
                   fmt::format("there is no trunk '{}' here: alkaid-dataplane --trunk "
                               "NAME=KIND:ARGUMENT makes one (it has {})",
                               attachment->device, trunks.empty() ? "none" : joined(trunks, ", ")));
  }
  const PortConfig* known = ports_.find_config(config.id);
  const auto zones = acquire_zones(config);
  if (!zones) {
    return full("segments");
  }
  acquire_groups(config);
  std::vector<NeighborKey> addresses = addresses_of(config);
  if (known != nullptr) {
    const auto more = addresses_of(*known);
    addresses.insert(addresses.end(), more.begin(), more.end());
  }
  const StationWatch watch{tables_.neighbors, addresses};
  auto failed = known != nullptr ? change_port(*known, config, *attachment, *zones)
                                 : add_port(config, *attachment, *zones);
  if (failed) {
    release_zones(config);
    release_groups(config);
    return failed;
  }
  watch.finish(station_listener_);
  for (const LocalClaim& claim : claims_of(config)) {
    const auto* ip = std::get_if<IpAddress>(&claim.key.address);
    neighbor_listener_(claim.key.vni, ip != nullptr ? *ip : IpAddress{}, claim.mac);
  }
  return done();
}

ObjectResult Programmer::add_port(const PortConfig& config, const Attachment& attachment,
                                  const PortZones& zones) {
  const Port* port = ports_.put(config, attachment, zones, guest_mtu(config));
  if (port == nullptr) {
    return full("ports");
  }
  const PortIndex index = port->index;
  auto failed = add_addresses(config, index);
  if (failed) {
    remove_addresses(config, nullptr, index);
    ports_.remove(config.id);
  } else {
    tables_.flood.add_port(config.vni, config.segment_v6(), index);
  }
  return failed;
}

ObjectResult Programmer::change_port(const PortConfig& known, const PortConfig& config,
                                     const Attachment& attachment, const PortZones& zones) {
  // `known` lives in the port's record, which put() overwrites.
  const PortConfig old = known;
  const PortIndex index = ports_.find(config.id)->index;
  // Addresses first: they alone can fail, and then the port has not been touched.
  if (auto failed = add_addresses(config, index)) {
    remove_addresses(config, &old, index);
    static_cast<void>(add_addresses(old, index));  // replaces entries that exist: can't fail
    return failed;
  }
  ports_.put(config, attachment, zones, guest_mtu(config));
  remove_addresses(old, &config, index);
  if (old.vni != config.vni || old.segment_v6() != config.segment_v6()) {
    tables_.flood.remove_port(old.vni, old.segment_v6(), index);
    tables_.flood.add_port(config.vni, config.segment_v6(), index);
  }
  release_zones(old);
  release_groups(old);
  return std::nullopt;
}

void Programmer::remove_port(const std::string& id) {
  const PortConfig* known = ports_.find_config(id);
  if (known == nullptr) {
    return;
  }
  const PortConfig config = *known;
  const StationWatch watch{tables_.neighbors, addresses_of(config)};
  const PortIndex index = ports_.find(id)->index;
  tables_.flood.remove_port(config.vni, config.segment_v6(), index);
  remove_addresses(config, nullptr, index);
  ports_.remove(id);
  release_zones(config);
  release_groups(config);
  watch.finish(station_listener_);
  ++operations_;
}

}  // namespace alkaid
