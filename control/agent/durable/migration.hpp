// From the formats of former versions to the present one.
//
//   1  the value is the record
//   2  the value is the record and, behind it, 4 bytes of checksum
//   3  as 2, with slices
//   4  as 3, with what was learnt
#pragma once

#include <cstdint>
#include <string>

#include "control/agent/durable/batch.hpp"
#include "control/agent/durable/environment.hpp"

namespace alkaid::agent::durable {

// All records of a file of an older format but its header, as the present one has them. Returns the
// error.
int migrate(Environment& old, std::uint32_t format, Batch& records);

}  // namespace alkaid::agent::durable
