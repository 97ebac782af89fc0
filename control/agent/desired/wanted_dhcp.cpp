// What the desired state means for the data plane: DHCP bindings.
#include "control/agent/desired/store.hpp"

namespace alkaid::agent {

std::optional<DhcpObject> DesiredStore::wanted_dhcp(const DhcpKey& key) const {
  std::optional<DhcpObject> wanted;
  for (const Subnet* subnet : at(key.vni)) {
    const auto row = subnet->dhcp.find(key.mac);
    if (row == subnet->dhcp.end()) {
      continue;
    }
    if (!wanted) {
      wanted.emplace();
    }
    if (wanted->ipv4.is_unset()) {
      wanted->ipv4 = row->second.ipv4;
    }
    if (wanted->ipv6.is_unset()) {
      wanted->ipv6 = row->second.ipv6;
    }
    if (wanted->host_name.empty()) {
      wanted->host_name = row->second.host_name;
    }
  }
  return wanted;
}

}  // namespace alkaid::agent
