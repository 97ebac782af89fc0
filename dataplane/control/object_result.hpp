// What became of an object that the agent asked for.
#pragma once

#include <optional>
#include <string>

namespace alkaid {

enum class ObjectErrorCode { kInvalid, kTableFull };

// Why an object was not applied; nothing of it has taken effect.
struct ObjectError {
  ObjectErrorCode code = ObjectErrorCode::kInvalid;
  std::string field;
  std::string message;
};

using ObjectResult = std::optional<ObjectError>;

}  // namespace alkaid
