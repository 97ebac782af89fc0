// Which of the connections that were handed to gRPC are still open.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <map>
#include <unordered_map>

#include "control/common/net/ip_address.hpp"

namespace alkaid::agent {

// gRPC doesn't tell when it closes a socket. A descriptor is known to be closed when its number has
// another inode than the socket had, or none: the kernel gives every socket an inode of its own.
//
// A peer is an IPv4 address or an IPv6 network of 64 bits, since one station has all of those. Not
// thread-safe.
class OpenConnections {
 public:
  // address_limit: of one peer.
  OpenConnections(std::size_t limit, std::size_t address_limit)
      : limit_(limit), address_limit_(address_limit) {}

  // Whether one more from there may be added. Looks for closed ones if there seems to be no room,
  // at most ten times a second: a flood costs little.
  [[nodiscard]] bool has_room(const IpAddress& address);

  // A socket that is handed over now.
  void add(int descriptor, const IpAddress& address);

  // Drops what is closed; returns how many are left.
  std::size_t sweep();

 private:
  static constexpr std::chrono::milliseconds kSweepInterval{100};

  struct Connection {
    ino_t inode = 0;
    IpAddress peer;
  };

  [[nodiscard]] bool is_full(const IpAddress& peer) const;
  void forget(const Connection& connection);

  const std::size_t limit_;
  const std::size_t address_limit_;
  std::unordered_map<int, Connection> connections_;  // by descriptor
  std::map<IpAddress, std::size_t> by_peer_;
  std::chrono::steady_clock::time_point next_sweep_;
};

}  // namespace alkaid::agent
