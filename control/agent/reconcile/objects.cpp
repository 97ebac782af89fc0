#include "control/agent/reconcile/objects.hpp"

#include <algorithm>

namespace alkaid::agent {
namespace {

constexpr std::uint32_t kDefaultLeaseSeconds = 86400;

}  // namespace

void make_canonical(SegmentObject& segment) {
  for (IpPrefix& prefix : segment.prefixes) {
    prefix = prefix.masked();
  }
  std::sort(segment.prefixes.begin(), segment.prefixes.end());
  segment.prefixes.erase(std::unique(segment.prefixes.begin(), segment.prefixes.end()),
                         segment.prefixes.end());
  std::sort(segment.gateways.begin(), segment.gateways.end());
  if (segment.host_dvr_mac == kDefaultHostDvrMac) {
    segment.host_dvr_mac = {};
  }
  if (segment.lease_seconds == kDefaultLeaseSeconds) {
    segment.lease_seconds = 0;
  }
}

void make_canonical(PortObject& port) {
  if (port.vni_v6 == port.vni) {
    port.vni_v6 = {};
  }
  std::sort(port.fixed_ips.begin(), port.fixed_ips.end());
  port.fixed_ips.erase(std::unique(port.fixed_ips.begin(), port.fixed_ips.end()),
                       port.fixed_ips.end());
  for (PortObject::AddressPair& pair : port.allowed_address_pairs) {
    pair.prefix = pair.prefix.masked();
    if (pair.mac == port.mac) {
      pair.mac = {};
    }
  }
  std::sort(port.allowed_address_pairs.begin(), port.allowed_address_pairs.end());
  port.allowed_address_pairs.erase(
      std::unique(port.allowed_address_pairs.begin(), port.allowed_address_pairs.end()),
      port.allowed_address_pairs.end());
  std::sort(port.security_groups.begin(), port.security_groups.end());
  port.security_groups.erase(std::unique(port.security_groups.begin(), port.security_groups.end()),
                             port.security_groups.end());
}

std::uint64_t router_key(std::string_view router_id) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : router_id) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  }
  constexpr std::uint64_t kHighestBit = std::uint64_t{1} << 63;
  return hash <= Vni::kMax ? hash | kHighestBit : hash;
}

}  // namespace alkaid::agent
