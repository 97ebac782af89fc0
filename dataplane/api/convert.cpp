#include "dataplane/api/convert.hpp"

#include <fmt/format.h>

namespace alkaid {
namespace {

constexpr std::uint64_t kLargestMac = (1ULL << 48) - 1;

std::nullopt_t refuse(ObjectError& error, std::string field, std::string message) {
  error = {ObjectErrorCode::kInvalid, std::move(field), std::move(message)};
  return std::nullopt;
}

std::optional<Vni> vni_of(std::uint32_t number, const char* field, ObjectError& error) {
  const auto vni = Vni::from_number(number);
  if (!vni) {
    return refuse(error, field, fmt::format("{} is not in 1..{}", number, Vni::kMax));
  }
  return vni;
}

std::optional<MacAddress> mac_of(std::uint64_t number, const char* field, ObjectError& error) {
  if (number > kLargestMac) {
    return refuse(error, field, fmt::format("{:#x} has more than 48 bits", number));
  }
  return MacAddress::from_number(number);
}

std::vector<DhcpOptionConfig> options_of(
    const google::protobuf::RepeatedPtrField<api::DhcpOption>& messages) {
  std::vector<DhcpOptionConfig> options;
  for (const auto& message : messages) {
    options.push_back({static_cast<std::uint16_t>(message.code()), message.data()});
  }
  return options;
}

// A code that does not fit the wire's field, before it is cut.
bool has_bad_code(const google::protobuf::RepeatedPtrField<api::DhcpOption>& messages,
                  std::uint32_t largest, const char* field, ObjectError& error) {
  for (const auto& message : messages) {
    if (message.code() == 0 || message.code() > largest) {
      refuse(error, field, fmt::format("code {} is not in 1..{}", message.code(), largest));
      return true;
    }
  }
  return false;
}

void put_options(const std::vector<DhcpOptionConfig>& options,
                 google::protobuf::RepeatedPtrField<api::DhcpOption>& messages) {
  for (const auto& option : options) {
    auto* message = messages.Add();
    message->set_code(option.code);
    message->set_data(option.data);
  }
}

}  // namespace

IpAddress address_of(const api::IpAddress& message) {
  return IpAddress::from_numbers(message.high(), message.low());
}

std::optional<IpPrefix> prefix_of(const api::Prefix& message, const std::string& field,
                                  ObjectError& error) {
  IpPrefix prefix{address_of(message.address()), 0};
  if (message.length() > prefix.max_length()) {
    return refuse(error, field,
                  fmt::format("length {} is beyond {}", message.length(), prefix.max_length()));
  }
  prefix.length = static_cast<std::uint8_t>(message.length());
  return prefix;
}

std::optional<SegmentConfig> from_api(const api::Segment& message, ObjectError& error) {
  SegmentConfig config;
  const auto vni = vni_of(message.vni(), "vni", error);
  const auto dvr_mac = mac_of(message.host_dvr_mac(), "host_dvr_mac", error);
  if (!vni || !dvr_mac) {
    return std::nullopt;
  }
  config.vni = *vni;
  config.host_dvr_mac = *dvr_mac;
  for (const auto& item : message.prefixes()) {
    const auto prefix = prefix_of(item, "prefixes", error);
    if (!prefix) {
      return std::nullopt;
    }
    config.prefixes.push_back(*prefix);
  }
  for (const auto& item : message.gateways()) {
    const auto mac = mac_of(item.mac(), "gateways.mac", error);
    if (!mac) {
      return std::nullopt;
    }
    config.gateways.push_back({address_of(item.address()), *mac});
  }
  for (const auto& item : message.dns_servers()) {
    config.dns_servers.push_back(address_of(item));
  }
  config.router = message.router();
  config.dhcp_enabled = message.dhcp_enabled();
  config.mtu = message.mtu();
  config.lease_seconds = message.lease_seconds();
  config.route_table = message.route_table();
  config.broadcast_rate = message.broadcast_rate();
  if (!api::BroadcastMode_IsValid(message.broadcast())) {
    return refuse(error, "broadcast", fmt::format("{} is no known mode", +message.broadcast()));
  }
  config.broadcast = static_cast<BroadcastMode>(message.broadcast());
  if (!api::Ipv6AddressMode_IsValid(message.ipv6_address_mode())) {
    return refuse(error, "ipv6_address_mode",
                  fmt::format("{} is no known mode", +message.ipv6_address_mode()));
  }
  config.ipv6_address_mode = static_cast<Ipv6AddressMode>(message.ipv6_address_mode());
  config.domain_name = message.domain_name();
  config.domain_search.assign(message.domain_search().begin(), message.domain_search().end());
  if (has_bad_code(message.dhcpv4_options(), 254, "dhcpv4_options", error) ||
      has_bad_code(message.dhcpv6_options(), UINT16_MAX, "dhcpv6_options", error)) {
    return std::nullopt;
  }
  config.dhcpv4_options = options_of(message.dhcpv4_options());
  config.dhcpv6_options = options_of(message.dhcpv6_options());
  return config;
}

std::optional<PortConfig> from_api(const api::Port& message, ObjectError& error) {
  PortConfig config;
  const auto vni = vni_of(message.vni(), "vni", error);
  const auto mac = mac_of(message.mac(), "mac", error);
  if (!vni || !mac) {
    return std::nullopt;
  }
  config.id = message.id();
  config.vni = *vni;
  config.mac = *mac;
  for (const auto& item : message.fixed_ips()) {
    config.fixed_ips.push_back(address_of(item));
  }
  for (const auto& item : message.allowed_address_pairs()) {
    const auto prefix = prefix_of(item.prefix(), "allowed_address_pairs.prefix", error);
    const auto pair_mac = mac_of(item.mac(), "allowed_address_pairs.mac", error);
    if (!prefix || !pair_mac) {
      return std::nullopt;
    }
    config.allowed_address_pairs.push_back({*prefix, *pair_mac});
  }
  config.admin_up = message.admin_up();
  config.attachment = message.attachment();
  config.mtu = message.mtu();
  config.source_guard_off = message.source_guard_off();
  config.security_groups.assign(message.security_groups().begin(), message.security_groups().end());
  config.policy_enforced = message.policy_enforced();
  if (message.vni_v6() != 0) {
    const auto vni_v6 = vni_of(message.vni_v6(), "vni_v6", error);
    if (!vni_v6) {
      return std::nullopt;
    }
    config.vni_v6 = *vni_v6;
  }
  return config;
}

std::optional<RouteKey> from_api(const api::RouteKey& message, ObjectError& error) {
  const auto prefix = prefix_of(message.prefix(), "prefix", error);
  if (!prefix) {
    return std::nullopt;
  }
  return RouteKey{message.table(), prefix->masked()};
}

std::optional<RouteConfig> from_api(const api::Route& message, ObjectError& error) {
  const auto key = from_api(message.key(), error);
  if (!key) {
    return std::nullopt;
  }
  RouteConfig config{.key = *key, .action = {}};
  switch (message.action_case()) {
    case api::Route::kConnectedVni: {
      const auto vni = vni_of(message.connected_vni(), "connected_vni", error);
      if (!vni) {
        return std::nullopt;
      }
      config.action = ConnectedAction{*vni};
      break;
    }
    case api::Route::kNextHop:
      config.action = NextHopAction{address_of(message.next_hop())};
      break;
    case api::Route::kBlackhole:
      config.action = BlackholeAction{};
      break;
    case api::Route::kRemote: {
      const auto vni = vni_of(message.remote().vni(), "remote.vni", error);
      const auto mac = mac_of(message.remote().mac(), "remote.mac", error);
      if (!vni || !mac) {
        return std::nullopt;
      }
      config.action = RemoteAction{address_of(message.remote().vtep()), *vni, *mac};
      break;
    }
    case api::Route::ACTION_NOT_SET:
      return refuse(error, "action", "is missing: connected_vni, next_hop, blackhole or remote");
  }
  return config;
}

std::optional<DhcpBindingKey> from_api(const api::DhcpBindingKey& message, ObjectError& error) {
  const auto vni = vni_of(message.vni(), "key.vni", error);
  const auto mac = mac_of(message.mac(), "key.mac", error);
  if (!vni || !mac) {
    return std::nullopt;
  }
  return DhcpBindingKey{*vni, *mac};
}

std::optional<DhcpBindingConfig> from_api(const api::DhcpBinding& message, ObjectError& error) {
  const auto key = from_api(message.key(), error);
  if (!key) {
    return std::nullopt;
  }
  return DhcpBindingConfig{*key, address_of(message.ipv4()), address_of(message.ipv6()),
                           message.host_name()};
}

bool has_equal_columns(const api::NeighborBatch& batch) {
  const int rows = batch.vni_size();
  return batch.ip_high_size() == rows && batch.ip_low_size() == rows && batch.mac_size() == rows &&
         batch.vtep_high_size() == rows && batch.vtep_low_size() == rows;
}

bool has_equal_columns(const api::NeighborKeyBatch& batch) {
  return batch.ip_high_size() == batch.vni_size() && batch.ip_low_size() == batch.vni_size();
}

std::optional<NeighborConfig> from_api(const api::NeighborBatch& batch, int row,
                                       ObjectError& error) {
  const auto vni = vni_of(batch.vni(row), "vni", error);
  const auto mac = mac_of(batch.mac(row), "mac", error);
  if (!vni || !mac) {
    return std::nullopt;
  }
  return NeighborConfig{{*vni, IpAddress::from_numbers(batch.ip_high(row), batch.ip_low(row))},
                        *mac,
                        IpAddress::from_numbers(batch.vtep_high(row), batch.vtep_low(row))};
}

std::optional<NeighborKey> from_api(const api::NeighborKeyBatch& batch, int row,
                                    ObjectError& error) {
  const auto vni = vni_of(batch.vni(row), "vni", error);
  if (!vni) {
    return std::nullopt;
  }
  return NeighborKey{*vni, IpAddress::from_numbers(batch.ip_high(row), batch.ip_low(row))};
}

void to_api(const IpAddress& address, api::IpAddress& message) {
  message.set_high(address.high());
  message.set_low(address.low());
}

void to_api(const IpPrefix& prefix, api::Prefix& message) {
  to_api(prefix.address, *message.mutable_address());
  message.set_length(prefix.length);
}

void to_api(const SegmentConfig& config, api::Segment& message) {
  message.set_vni(config.vni.number());
  for (const auto& prefix : config.prefixes) {
    to_api(prefix, *message.add_prefixes());
  }
  for (const auto& gateway : config.gateways) {
    auto* item = message.add_gateways();
    to_api(gateway.address, *item->mutable_address());
    item->set_mac(gateway.mac.number());
  }
  for (const auto& server : config.dns_servers) {
    to_api(server, *message.add_dns_servers());
  }
  message.set_router(config.router);
  message.set_host_dvr_mac(config.host_dvr_mac.number());
  message.set_dhcp_enabled(config.dhcp_enabled);
  message.set_mtu(config.mtu);
  message.set_lease_seconds(config.lease_seconds);
  message.set_route_table(config.route_table);
  message.set_broadcast(static_cast<api::BroadcastMode>(config.broadcast));
  message.set_broadcast_rate(config.broadcast_rate);
  message.set_ipv6_address_mode(static_cast<api::Ipv6AddressMode>(config.ipv6_address_mode));
  message.set_domain_name(config.domain_name);
  for (const auto& domain : config.domain_search) {
    message.add_domain_search(domain);
  }
  put_options(config.dhcpv4_options, *message.mutable_dhcpv4_options());
  put_options(config.dhcpv6_options, *message.mutable_dhcpv6_options());
}

void to_api(const PortConfig& config, api::Port& message) {
  message.set_id(config.id);
  message.set_vni(config.vni.number());
  message.set_mac(config.mac.number());
  for (const auto& ip : config.fixed_ips) {
    to_api(ip, *message.add_fixed_ips());
  }
  for (const auto& pair : config.allowed_address_pairs) {
    auto* item = message.add_allowed_address_pairs();
    to_api(pair.prefix, *item->mutable_prefix());
    item->set_mac(pair.mac.number());
  }
  message.set_admin_up(config.admin_up);
  message.set_attachment(config.attachment);
  message.set_mtu(config.mtu);
  message.set_source_guard_off(config.source_guard_off);
  message.set_vni_v6(config.vni_v6.number());
  for (const auto& group : config.security_groups) {
    message.add_security_groups(group);
  }
  message.set_policy_enforced(config.policy_enforced);
}

void to_api(const RouteConfig& config, api::Route& message) {
  message.mutable_key()->set_table(config.key.table);
  to_api(config.key.prefix, *message.mutable_key()->mutable_prefix());
  if (const auto* connected = std::get_if<ConnectedAction>(&config.action)) {
    message.set_connected_vni(connected->vni.number());
  } else if (const auto* next_hop = std::get_if<NextHopAction>(&config.action)) {
    to_api(next_hop->address, *message.mutable_next_hop());
  } else if (const auto* remote = std::get_if<RemoteAction>(&config.action)) {
    to_api(remote->vtep, *message.mutable_remote()->mutable_vtep());
    message.mutable_remote()->set_vni(remote->vni.number());
    message.mutable_remote()->set_mac(remote->mac.number());
  } else {
    message.set_blackhole(true);
  }
}

void to_api(const DhcpBindingConfig& config, api::DhcpBinding& message) {
  message.mutable_key()->set_vni(config.key.vni.number());
  message.mutable_key()->set_mac(config.key.mac.number());
  if (!config.ipv4.is_unset()) {
    to_api(config.ipv4, *message.mutable_ipv4());
  }
  if (!config.ipv6.is_unset()) {
    to_api(config.ipv6, *message.mutable_ipv6());
  }
  message.set_host_name(config.host_name);
}

void append_to_api(const NeighborConfig& config, api::NeighborBatch& batch) {
  batch.add_vni(config.key.vni.number());
  batch.add_ip_high(config.key.ip.high());
  batch.add_ip_low(config.key.ip.low());
  batch.add_mac(config.mac.number());
  batch.add_vtep_high(config.vtep.high());
  batch.add_vtep_low(config.vtep.low());
}

void to_api(const PortView& view, api::PortStatus& message) {
  message.set_id(view.port != nullptr ? view.port->id : std::string{});
  switch (view.state) {
    case PortAttachState::kAttached:
      message.set_state(api::ATTACHED);
      break;
    case PortAttachState::kWaiting:
      message.set_state(api::WAITING);
      break;
    case PortAttachState::kFailed:
      message.set_state(api::FAILED);
      break;
  }
  message.set_detail(view.detail);
}

}  // namespace alkaid
