// Programmer: DHCP bindings.
#include <fmt/format.h>

#include "dataplane/control/object_error.hpp"
#include "dataplane/control/programmer.hpp"

namespace alkaid {
namespace {

constexpr std::size_t kLongestHostName = 255;

}  // namespace

ObjectResult Programmer::set(const DhcpBindingConfig& config) {
  if (!config.key.mac.is_unicast()) {
    return invalid("key.mac",
                   fmt::format("{} is no unicast MAC address", config.key.mac.to_string()));
  }
  if (config.host_name.size() > kLongestHostName) {
    return invalid("host_name", fmt::format("is longer than {} bytes", kLongestHostName));
  }
  if (!config.ipv4.is_unset() && !config.ipv4.is_v4()) {
    return invalid("ipv4", fmt::format("{} is no IPv4 address", config.ipv4.to_string()));
  }
  if (!tables_.dhcp_bindings.put(config)) {
    return full("DHCP bindings");
  }
  return done();
}

void Programmer::remove_dhcp_binding(const DhcpBindingKey& key) {
  if (tables_.dhcp_bindings.erase(key)) {
    ++operations_;
  }
}

}  // namespace alkaid
