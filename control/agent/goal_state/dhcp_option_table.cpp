#include "control/agent/goal_state/dhcp_option_table.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace alkaid::agent {
namespace {

using enum DhcpValueType;
using enum DhcpOptionPlace;

// https://www.iana.org/assignments/bootp-dhcp-parameters
constexpr auto kV4 = std::to_array<DhcpOptionEntry>({
    {"netmask", 1, kAddress, kOption},
    {"time-offset", 2, kSigned32, kOption},
    {"router", 3, kAddresses, kOption},
    {"time-server", 4, kAddresses, kOption},
    {"dns-server", 6, kAddresses, kDnsServers},
    {"log-server", 7, kAddresses, kOption},
    {"lpr-server", 9, kAddresses, kOption},
    {"hostname", 12, kText, kOption},
    {"boot-file-size", 13, kNumber16, kOption},
    {"domain-name", 15, kText, kDomainName},
    {"swap-server", 16, kAddress, kOption},
    {"root-path", 17, kText, kOption},
    {"extension-path", 18, kText, kOption},
    {"ip-forward-enable", 19, kSwitch, kOption},
    {"non-local-source-routing", 20, kSwitch, kOption},
    {"policy-filter", 21, kAddressPairs, kOption},
    {"max-datagram-reassembly", 22, kNumber16, kOption},
    {"default-ttl", 23, kNumber8, kOption},
    {"mtu", 26, kNumber16, kMtu},
    {"all-subnets-local", 27, kSwitch, kOption},
    {"broadcast", 28, kAddress, kOption},
    {"router-discovery", 31, kSwitch, kOption},
    {"router-solicitation", 32, kAddress, kOption},
    {"static-route", 33, kAddressPairs, kOption},
    {"trailer-encapsulation", 34, kSwitch, kOption},
    {"arp-timeout", 35, kNumber32, kOption},
    {"ethernet-encap", 36, kSwitch, kOption},
    {"tcp-ttl", 37, kNumber8, kOption},
    {"tcp-keepalive", 38, kNumber32, kOption},
    {"nis-domain", 40, kText, kOption},
    {"nis-server", 41, kAddresses, kOption},
    {"ntp-server", 42, kAddresses, kOption},
    {"vendor-encap", 43, kFree, kOption},
    {"netbios-ns", 44, kAddresses, kOption},
    {"netbios-dd", 45, kAddresses, kOption},
    {"netbios-nodetype", 46, kNumber8, kOption},
    {"netbios-scope", 47, kText, kOption},
    {"x-windows-fs", 48, kAddresses, kOption},
    {"x-windows-dm", 49, kAddresses, kOption},
    {"requested-address", 50, kAddress, kRefused},
    {"lease-time", 51, kNumber32, kLeaseTime},
    {"option-overload", 52, kNumber8, kRefused},
    {"message-type", 53, kNumber8, kRefused},
    {"server-identifier", 54, kAddress, kRefused},
    {"parameter-request", 55, kFree, kRefused},
    {"message", 56, kText, kRefused},
    {"max-message-size", 57, kNumber16, kRefused},
    {"t1", 58, kNumber32, kOption},
    {"t2", 59, kNumber32, kOption},
    {"vendor-class", 60, kText, kOption},
    {"client-id", 61, kFree, kRefused},
    {"nis+-domain", 64, kText, kOption},
    {"nis+-server", 65, kAddresses, kOption},
    {"tftp-server", 66, kText, kOption},
    {"bootfile-name", 67, kText, kOption},
    {"mobile-ip-home", 68, kAddresses, kOption},
    {"smtp-server", 69, kAddresses, kOption},
    {"pop3-server", 70, kAddresses, kOption},
    {"nntp-server", 71, kAddresses, kOption},
    {"irc-server", 74, kAddresses, kOption},
    {"user-class", 77, kFree, kOption},
    {"rapid-commit", 80, kFree, kRefused},
    {"agent-id", 82, kFree, kRefused},
    {"posix-timezone", 100, kText, kOption},
    {"tzdb-timezone", 101, kText, kOption},
    {"domain-search", 119, kDomains, kDomainSearch},
    {"classless-static-route", 121, kRoutes, kOption},
    {"vendor-id-encap", 125, kFree, kOption},
    {"tftp-server-address", 150, kAddresses, kOption},
    {"ms-classless-static-route", 249, kRoutes, kOption},
    {"wpad", 252, kText, kOption},
    // A header field and no option; dnsmasq numbers it so.
    {"server-ip-address", 255, kAddress, kNextServer},
});

// https://www.iana.org/assignments/dhcpv6-parameters
constexpr auto kV6 = std::to_array<DhcpOptionEntry>({
    {"client-id", 1, kFree, kRefused},
    {"server-id", 2, kFree, kRefused},
    {"ia-na", 3, kFree, kRefused},
    {"ia-ta", 4, kFree, kRefused},
    {"iaaddr", 5, kFree, kRefused},
    {"oro", 6, kFree, kRefused},
    {"preference", 7, kNumber8, kOption},
    {"elapsed-time", 8, kNumber16, kRefused},
    {"relay-message", 9, kFree, kRefused},
    {"authentication", 11, kFree, kRefused},
    {"unicast", 12, kFree, kRefused},
    {"status", 13, kFree, kRefused},
    {"rapid-commit", 14, kFree, kRefused},
    {"interface-id", 18, kFree, kRefused},
    {"reconf-msg", 19, kFree, kRefused},
    {"reconf-accept", 20, kFree, kRefused},
    {"sip-server-domain", 21, kDomains, kOption},
    {"sip-server", 22, kAddresses, kOption},
    {"dns-server", 23, kAddresses, kDnsServers},
    {"domain-search", 24, kDomains, kDomainSearch},
    {"ia-pd", 25, kFree, kRefused},
    {"iaprefix", 26, kFree, kRefused},
    {"nis-server", 27, kAddresses, kOption},
    {"nis+-server", 28, kAddresses, kOption},
    {"nis-domain", 29, kDomains, kOption},
    {"nis+-domain", 30, kDomains, kOption},
    {"sntp-server", 31, kAddresses, kOption},
    {"information-refresh-time", 32, kNumber32, kOption},
    {"fqdn", 39, kFree, kRefused},
    {"posix-timezone", 41, kText, kOption},
    {"tzdb-timezone", 42, kText, kOption},
    {"ntp-server", 56, kTimeServers, kOption},
    {"bootfile-url", 59, kText, kOption},
    {"bootfile-param", 60, kFree, kOption},
    {"sol-max-rt", 82, kNumber32, kOption},
    {"inf-max-rt", 83, kNumber32, kOption},
    // No options of DHCPv6: of leases, router advertisements and names.
    {"mtu", 0, kNumber16, kMtu},
    {"lease-time", 0, kNumber32, kLeaseTime},
    {"domain-name", 0, kText, kDomainName},
});

std::span<const DhcpOptionEntry> table(bool v6) {
  return v6 ? std::span<const DhcpOptionEntry>{kV6} : std::span<const DhcpOptionEntry>{kV4};
}

}  // namespace

const DhcpOptionEntry* find_dhcp_option(bool v6, std::string_view name) {
  const auto entries = table(v6);
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [name](const auto& entry) { return entry.name == name; });
  return found == entries.end() ? nullptr : &*found;
}

const DhcpOptionEntry* find_dhcp_option(bool v6, std::uint64_t code) {
  const auto entries = table(v6);
  const auto found = std::find_if(entries.begin(), entries.end(), [code](const auto& entry) {
    return entry.code == code && code != 0;
  });
  return found == entries.end() ? nullptr : &*found;
}

}  // namespace alkaid::agent
