// The network that the goal-state benchmarks push: one subnet, any number of neighbors behind a
// thousand hosts, ports of this host. Everything follows from numbers, so that sender and checker
// need no list.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"

namespace alkaid::perf {

inline constexpr std::uint32_t kVni = 5001;
inline constexpr std::uint32_t kHosts = 1000;       // that neighbors live on
inline constexpr std::uint32_t kMostPorts = 60000;  // of this host
inline constexpr std::uint32_t kMostNeighbors = 12U << 20;
inline constexpr const char* kProbePort = "probe";  // its device is tapprobe

struct Station {
  MacAddress mac;
  Ipv4Address ip;
};

// Another host's station, and its host's VTEP.
Station neighbor(std::uint32_t number);
Ipv4Address vtep_of(std::uint32_t neighbor);  // unless they moved
// This host's ports, and the one that packets are sent from.
Station port(std::uint32_t number);
Station probe();

// Serialized alcor.schema.GoalStateV2; messages may be joined by appending one to another.
std::string network_message();                     // VPC and subnet
std::string probe_port_message(bool with_policy);  // with_policy: a security group and DHCP too
std::string ports_message(std::uint32_t first, std::uint32_t count);
// moves: how many hosts further on they are than at first. name_bytes: of each one's name.
std::string neighbors_message(std::uint32_t first, std::uint32_t count, std::uint32_t moves = 0,
                              std::size_t name_bytes = 0);
// Makes the message that it is joined to a change of this slice.
std::string slice_message(const std::string& name);

}  // namespace alkaid::perf
