// Neighbors, in both published layouts.
#include <algorithm>

#include <fmt/format.h>

#include "control/agent/goal_state/neighbor_layout.hpp"
#include "control/agent/goal_state/resource_decoder.hpp"

namespace alkaid::agent {

bool is_reachable(const IpAddress& host, const std::vector<IpAddress>& own) {
  return own.empty() || std::any_of(own.begin(), own.end(), [&host](const IpAddress& address) {
           return address.is_v4() == host.is_v4();
         });
}

std::string_view ResourceDecoder::intern(const std::string& text) {
  // A message's neighbors are mostly of one subnet.
  if (last_interned_ != text || last_interned_.empty()) {
    last_interned_ = *out_.strings.insert(text).first;
  }
  return last_interned_;
}

void ResourceDecoder::read_neighbor_addresses(
    const alcor::schema::NeighborConfiguration& configuration,
    const google::protobuf::RepeatedPtrField<std::string>& encoded, bool released_layout,
    NeighborSpec& spec) {
  if (encoded.empty()) {
    const bool no_host = configuration.field_9().empty() && configuration.field_8().empty();
    reader_.refuse(no_host ? "configuration.host_ip_address" : "configuration.fixed_ips", "",
                   "must not be empty");
    return;
  }
  if (!reader_.list("configuration.fixed_ips", encoded.size())) {
    return;
  }
  spec.addresses.reserve(static_cast<std::size_t>(encoded.size()));
  for (int i = 0; i < encoded.size(); ++i) {
    // The path's text is made only for what is wrong: messages hold a million of these.
    const auto path = [i](std::string_view field) {
      return fmt::format("configuration.fixed_ips[{}]{}", i, field);
    };
    if (!fixed_ip_.ParseFromString(encoded.Get(i))) {
      reader_.refuse(path(""), encoded.Get(i),
                     released_layout ? "is no FixedIp message (layout of the released clients)"
                                     : "is no FixedIp message");
      return;
    }
    NeighborAddress address;
    const auto ip = IpAddress::parse(fixed_ip_.ip_address());
    if (!ip || !is_station_address(*ip)) {
      reader_.refuse(path(".ip_address"), fixed_ip_.ip_address(),
                     "must be the IPv4 or IPv6 address of one station");
      return;
    }
    address.address = *ip;
    if (fixed_ip_.tunnel_id() > Vni::kMax) {
      reader_.vni(path(".tunnel_id"), fixed_ip_.tunnel_id());
      return;
    }
    address.vni = Vni::from_trusted(fixed_ip_.tunnel_id());
    if (fixed_ip_.subnet_id().empty() && address.vni == Vni{}) {
      reader_.refuse(path(".subnet_id"), "", "must not be empty without tunnel_id");
      return;
    }
    if (!fixed_ip_.subnet_id().empty()) {
      address.subnet_id = intern(fixed_ip_.subnet_id());
    }
    spec.addresses.push_back(address);
  }
}

// Prefixes are left out: a row needs one address.
void ResourceDecoder::read_neighbor_pairs(
    const google::protobuf::RepeatedPtrField<std::string>& encoded, NeighborSpec& spec) {
  if (encoded.empty() || !reader_.list("configuration.allow_address_pairs", encoded.size())) {
    return;
  }
  alcor::schema::NeighborConfiguration::AllowAddressPair pair;
  for (int i = 0; i < encoded.size() && !reader_.refused(); ++i) {
    const std::string path = fmt::format("configuration.allow_address_pairs[{}]", i);
    if (!pair.ParseFromString(encoded.Get(i))) {
      reader_.refuse(path, encoded.Get(i), "is no AllowAddressPair message");
      return;
    }
    const IpPrefix prefix = reader_.prefix(path + ".ip_address", pair.ip_address(), false);
    const MacAddress mac = reader_.optional_mac(path + ".mac_address", pair.mac_address());
    if (prefix.length == prefix.max_length() && is_station_address(prefix.address)) {
      spec.pairs.push_back({prefix.address, mac.is_zero() ? spec.mac : mac});
    }
  }
}

void ResourceDecoder::add(const alcor::schema::NeighborState& state, std::string_view key) {
  const auto& configuration = state.configuration();
  const Intent intent = begin(ResourceType::kNeighbor, state, key);
  NeighborSpec spec;
  const NeighborLayout layout = detect_neighbor_layout(configuration);
  if (intent != Intent::kNothing) {
    reader_.required("configuration.id", configuration.id());
  }
  if (intent == Intent::kSet) {
    spec.mac = reader_.mac("configuration.mac_address", configuration.mac_address());
    spec.host = reader_.address("configuration.host_ip_address", layout.host_ip_address);
    if (!spec.host.is_unset() && !is_reachable(spec.host, context_.own_addresses)) {
      reader_.refuse("configuration.host_ip_address", layout.host_ip_address,
                     spec.host.is_v4() ? "is IPv4, but this host's VTEPs are IPv6 only"
                                       : "is IPv6, but this host's VTEPs are IPv4 only");
    }
  } else if (intent == Intent::kDelete) {
    spec.mac = MacAddress::parse(configuration.mac_address()).value_or(MacAddress{});
  }
  if (intent != Intent::kNothing && !reader_.refused()) {
    read_neighbor_addresses(configuration, *layout.fixed_ips, layout.released, spec);
    read_neighbor_pairs(*layout.allow_address_pairs, spec);
  }
  if (intent == Intent::kSet && !configuration.security_group_ids().empty()) {
    spec.security_group_ids = reader_.group_ids(
        "configuration.security_group_ids",
        {configuration.security_group_ids().begin(), configuration.security_group_ids().end()});
  }
  finish(out_.neighbors, intent, configuration.id(), std::move(spec));
}

}  // namespace alkaid::agent
