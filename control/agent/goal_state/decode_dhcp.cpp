// What DHCP hands to ports.
#include "control/agent/goal_state/resource_decoder.hpp"

namespace alkaid::agent {

void ResourceDecoder::add(const alcor::schema::DHCPState& state, std::string_view key) {
  const auto& configuration = state.configuration();
  const Intent intent = begin(ResourceType::kDhcp, state, key);
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
