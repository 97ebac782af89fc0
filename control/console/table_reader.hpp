// Reads the data plane's objects back.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "control/console/clients.hpp"

namespace alkaid::console {

// Calls `batch` for every message of a Read of these kinds; vni 0: all.
std::optional<Failure> read_objects(
    Clients& clients, std::initializer_list<dataplane::v1::ObjectKind> kinds, std::uint32_t vni,
    const std::function<void(const dataplane::v1::ReadResponse&)>& batch,
    std::chrono::milliseconds timeout = kReadTimeout);

}  // namespace alkaid::console
