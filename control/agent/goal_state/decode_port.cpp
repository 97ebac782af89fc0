// Ports and what DHCP hands to them.
#include <fmt/format.h>

#include "control/agent/goal_state/resource_decoder.hpp"

namespace alkaid::agent {

void ResourceDecoder::add(const alcor::schema::PortState& state, std::string_view key) {
  const auto& configuration = state.configuration();
  Intent intent = begin(ResourceType::kPort, state.operation_type(), configuration.id(), key);
  // Alcor's way to take a port from its host.
  if (state.operation_type() == alcor::schema::UPDATE && configuration.device_id().empty() &&
      configuration.device_owner().empty()) {
    intent = Intent::kDelete;
  }
  PortSpec spec;
  if (intent != Intent::kNothing) {
    reader_.required("configuration.id", configuration.id());
  }
  if (intent == Intent::kSet) {
    constexpr std::size_t kLongestId = 255;  // the data plane's limit
    if (configuration.id().size() > kLongestId) {
      reader_.refuse("configuration.id", configuration.id(), "must not be longer than 255 bytes");
    }
    spec.mac = reader_.mac("configuration.mac_address", configuration.mac_address());
    spec.admin_up = configuration.admin_state_up();
    if (configuration.fixed_ips().empty()) {
      reader_.refuse("configuration.fixed_ips", "",
                     "must hold at least one address: its subnet says where the port belongs");
    }
    const bool bounded =
        reader_.list("configuration.fixed_ips", configuration.fixed_ips_size()) &&
        reader_.list("configuration.allow_address_pairs", configuration.allow_address_pairs_size());
    for (int i = 0; bounded && i < configuration.fixed_ips_size(); ++i) {
      const auto& fixed_ip = configuration.fixed_ips(i);
      const std::string path = fmt::format("configuration.fixed_ips[{}]", i);
      spec.fixed_ips.push_back(
          {std::string{reader_.required(path + ".subnet_id", fixed_ip.subnet_id())},
           reader_.address(path + ".ip_address", fixed_ip.ip_address())});
    }
    for (int i = 0; bounded && i < configuration.allow_address_pairs_size(); ++i) {
      const auto& pair = configuration.allow_address_pairs(i);
      const std::string path = fmt::format("configuration.allow_address_pairs[{}]", i);
      spec.address_pairs.push_back(
          {reader_.prefix(path + ".ip_address", pair.ip_address(), false),
           reader_.optional_mac(path + ".mac_address", pair.mac_address())});
    }
    if (!reader_.refused()) {
      Refusal refusal;
      const auto attachment =
          context_.port_attach.expand({configuration.id(), configuration.name(),
                                       configuration.device_id(), spec.mac.to_string()},
                                      refusal);
      if (attachment) {
        spec.attachment = *attachment;
      } else {
        reader_.refuse(refusal.field, refusal.value, refusal.message);
      }
    }
  }
  finish(out_.ports, intent, configuration.id(), std::move(spec));
}

void ResourceDecoder::add(const alcor::schema::DHCPState& state, std::string_view key) {
  const auto& configuration = state.configuration();
  const Intent intent = begin(ResourceType::kDhcp, state.operation_type(), configuration.id(), key);
  DhcpSpec spec;
  if (intent != Intent::kNothing) {
    // Clients send no id or a new one with every push: subnet and MAC are what identifies it.
    spec.subnet_id = reader_.required("configuration.subnet_id", configuration.subnet_id());
    spec.mac = reader_.mac("configuration.mac_address", configuration.mac_address());
  }
  if (intent == Intent::kDelete) {
    spec.ipv4 = IpAddress::parse(configuration.ipv4_address()).value_or(IpAddress{});
    spec.ipv6 = IpAddress::parse(configuration.ipv6_address()).value_or(IpAddress{});
  }
  if (intent == Intent::kSet) {
    spec.ipv4 = reader_.optional_address_of_family("configuration.ipv4_address",
                                                   configuration.ipv4_address(), true);
    spec.ipv6 = reader_.optional_address_of_family("configuration.ipv6_address",
                                                   configuration.ipv6_address(), false);
    if (spec.ipv4.is_unset() && spec.ipv6.is_unset()) {
      reader_.refuse("configuration.ipv4_address", configuration.ipv4_address(),
                     "must be given, or ipv6_address");
    }
    spec.host_name = configuration.port_host_name();
    constexpr std::size_t kLongestHostName = 255;  // DHCP option 12, RFC 2132, 3.14
    if (spec.host_name.size() > kLongestHostName) {
      reader_.refuse("configuration.port_host_name", spec.host_name,
                     "must not be longer than 255 bytes");
    }
  }
  finish(out_.dhcp, intent, configuration.id(),
         std::move(spec));  // NOLINT(performance-move-const-arg): takes an rvalue
}

}  // namespace alkaid::agent
