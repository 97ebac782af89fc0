#include "dataplane/dhcpv6/dhcpv6_settings.hpp"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

#include "dataplane/dhcpv6/dhcpv6_message.hpp"
#include "dataplane/packet/domain_name.hpp"
#include "dataplane/packet/link_local.hpp"

namespace alkaid {
namespace {

constexpr std::size_t kMostOptions = 32;
constexpr std::size_t kLongestOption = 1024;

// What the responder itself must say, what only clients and relays say, and what would have to
// differ from guest to guest.
constexpr std::array<std::uint16_t, 18> kReservedOptions = {
    dhcpv6_option::kClientIdentifier,  dhcpv6_option::kServerIdentifier,
    dhcpv6_option::kIaNonTemporary,    dhcpv6_option::kIaTemporary,
    dhcpv6_option::kIaAddress,         dhcpv6_option::kOptionRequest,
    dhcpv6_option::kElapsedTime,       dhcpv6_option::kRelayMessage,
    dhcpv6_option::kAuthentication,    dhcpv6_option::kServerUnicast,
    dhcpv6_option::kStatusCode,        dhcpv6_option::kRapidCommit,
    dhcpv6_option::kInterfaceId,       dhcpv6_option::kReconfigureMessage,
    dhcpv6_option::kReconfigureAccept, dhcpv6_option::kIaPrefixes,
    dhcpv6_option::kIaPrefix,          dhcpv6_option::kClientFqdn,
};

std::vector<std::string> search_list(const SegmentConfig& config) {
  if (config.domain_search.empty() && !config.domain_name.empty()) {
    return {config.domain_name};
  }
  return config.domain_search;
}

MacAddress server_mac(const SegmentConfig& config) {
  const auto gateway =
      std::find_if(config.gateways.begin(), config.gateways.end(),
                   [](const GatewayConfig& candidate) { return !candidate.address.is_v4(); });
  return gateway != config.gateways.end() ? gateway->mac : kServerMacWithoutIpv6Gateway;
}

}  // namespace

Dhcpv6Settings make_dhcpv6_settings(const SegmentConfig& config) {
  Dhcpv6Settings settings;
  settings.enabled = config.dhcp_enabled;
  settings.mode = config.ipv6_address_mode;
  settings.server.mac = server_mac(config);
  settings.server_address = link_local_address(settings.server.mac);
  if (config.lease_seconds != 0) {
    settings.lease_seconds = config.lease_seconds;
  }
  for (const IpPrefix& prefix : config.prefixes) {
    if (!prefix.address.is_v4()) {
      settings.prefixes.push_back(prefix.masked());
    }
  }
  for (const IpAddress& server : config.dns_servers) {
    if (!server.is_v4()) {
      settings.dns_servers.insert(settings.dns_servers.end(), server.bytes().begin(),
                                  server.bytes().end());
    }
  }
  settings.domain_search = encode_domain_names(search_list(config));
  settings.domain_name = encode_domain_names(std::span{&config.domain_name, 1});
  for (const DhcpOptionConfig& option : config.dhcpv6_options) {
    if (option.code == dhcpv6_option::kPreference) {
      settings.preference = static_cast<std::uint8_t>(option.data.front());
    } else {
      settings.more.push_back(option);
    }
  }
  return settings;
}

std::optional<Dhcpv6ConfigError> check_dhcpv6_options(const SegmentConfig& config) {
  const auto& options = config.dhcpv6_options;
  if (options.size() > kMostOptions) {
    return Dhcpv6ConfigError{"dhcpv6_options", fmt::format("more than {}", kMostOptions)};
  }
  for (auto option = options.begin(); option != options.end(); ++option) {
    const bool is_reserved =
        option->code == 0 || std::find(kReservedOptions.begin(), kReservedOptions.end(),
                                       option->code) != kReservedOptions.end();
    if (is_reserved) {
      return Dhcpv6ConfigError{
          "dhcpv6_options.code",
          fmt::format("{} is not for configuration: the protocol itself decides it", option->code)};
    }
    if (option->code == dhcpv6_option::kPreference && option->data.size() != 1) {
      return Dhcpv6ConfigError{"dhcpv6_options.data", "a preference (7) is one byte"};
    }
    if (option->data.size() > kLongestOption) {
      return Dhcpv6ConfigError{
          "dhcpv6_options.data",
          fmt::format("option {} is longer than {} bytes", option->code, kLongestOption)};
    }
    const bool is_repeated =
        std::any_of(options.begin(), option,
                    [&](const DhcpOptionConfig& earlier) { return earlier.code == option->code; });
    if (is_repeated) {
      return Dhcpv6ConfigError{"dhcpv6_options.code",
                               fmt::format("{} is there twice", option->code)};
    }
  }
  return std::nullopt;
}

}  // namespace alkaid
