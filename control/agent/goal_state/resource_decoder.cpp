// What all resources have in common.
#include "control/agent/goal_state/resource_decoder.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace alkaid::agent {

Intent ResourceDecoder::begin(ResourceType type, int operation, std::string_view id,
                              std::string_view key) {
  reader_.clear();
  out_.results.push_back(
      {id.empty() ? key : id, type,
       static_cast<std::uint8_t>(std::min(static_cast<unsigned>(operation), 255U)),
       Status::kSuccess});
  switch (operation) {
    case alcor::schema::INFO:
    case alcor::schema::CREATE:
    case alcor::schema::UPDATE:
      return Intent::kSet;
    case alcor::schema::DELETE:
      return Intent::kDelete;
    case alcor::schema::GET:
      return Intent::kNothing;
    default:
      reader_.refuse("operation_type", fmt::format("{}", operation),
                     "must be 0 (INFO), 1 (CREATE), 2 (UPDATE), 3 (GET) or 4 (DELETE)");
      return Intent::kNothing;
  }
}

}  // namespace alkaid::agent
