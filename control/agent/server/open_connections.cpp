#include "control/agent/server/open_connections.hpp"

#include <sys/stat.h>

namespace alkaid::agent {
namespace {

// Of an open descriptor; 0: it isn't.
ino_t inode_of(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 ? status.st_ino : 0;
}

IpAddress peer_of(const IpAddress& address) {
  return address.is_v4() ? address : mask_address(address, 64);
}

}  // namespace

bool OpenConnections::has_room(const IpAddress& address) {
  const IpAddress peer = peer_of(address);
  if (!is_full(peer)) {
    return true;
  }
  const auto now = std::chrono::steady_clock::now();
  if (now < next_sweep_) {
    return false;
  }
  next_sweep_ = now + kSweepInterval;
  sweep();
  return !is_full(peer);
}

void OpenConnections::add(int descriptor, const IpAddress& address) {
  const IpAddress peer = peer_of(address);
  if (const auto former = connections_.find(descriptor); former != connections_.end()) {
    forget(former->second);
  }
  connections_.insert_or_assign(descriptor, Connection{inode_of(descriptor), peer});
  ++by_peer_[peer];
}

std::size_t OpenConnections::sweep() {
  for (auto entry = connections_.begin(); entry != connections_.end();) {
    if (inode_of(entry->first) == entry->second.inode) {
      ++entry;
    } else {
      forget(entry->second);
      entry = connections_.erase(entry);
    }
  }
  return connections_.size();
}

bool OpenConnections::is_full(const IpAddress& peer) const {
  const auto of_peer = by_peer_.find(peer);
  return connections_.size() >= limit_ ||
         (of_peer != by_peer_.end() && of_peer->second >= address_limit_);
}

void OpenConnections::forget(const Connection& connection) {
  const auto of_peer = by_peer_.find(connection.peer);
  if (--of_peer->second == 0) {
    by_peer_.erase(of_peer);
  }
}

}  // namespace alkaid::agent
