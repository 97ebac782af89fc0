// The DHCP options that have a name, by the names that dnsmasq and Neutron use.
#pragma once

#include <cstdint>
#include <string_view>

#include "control/agent/goal_state/dhcp_option_value.hpp"

namespace alkaid::agent {

// Where an option's value goes.
enum class DhcpOptionPlace : std::uint8_t {
  kOption,   // to clients, as it is
  kRefused,  // the protocol's own: servers make it themselves, or only clients send it
  // What more depends on than the option:
  kMtu,
  kLeaseTime,
  kDomainName,
  kDomainSearch,
  kDnsServers,
  kNextServer,
};

struct DhcpOptionEntry {
  std::string_view name;
  std::uint16_t code;  // 0: has a name only
  DhcpValueType type;
  DhcpOptionPlace place;
};

// nullptr if there is none. name: in lower case.
const DhcpOptionEntry* find_dhcp_option(bool v6, std::string_view name);
const DhcpOptionEntry* find_dhcp_option(bool v6, std::uint64_t code);

}  // namespace alkaid::agent
