// Prepares the outer headers of a tunnel.
#pragma once

#include <memory>

#include "dataplane/underlay/tunnel.hpp"
#include "dataplane/underlay/underlay.hpp"

namespace alkaid {

// `underlay` has a VTEP of the family of `vtep`. The path is left open.
std::unique_ptr<Tunnel> make_tunnel(const Underlay& underlay, const IpAddress& vtep, Vni vni);

}  // namespace alkaid
