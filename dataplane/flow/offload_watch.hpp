// Who gives connections to hardware, as the keeper of connections knows them: the keeper sees every
// connection about once a second anyway. Control thread.
#pragma once

#include <cstdint>

#include "dataplane/flow/connection.hpp"

namespace alkaid {

class OffloadWatch {
 public:
  virtual ~OffloadWatch() = default;

  // Whether look_at() is to be called at all.
  [[nodiscard]] virtual bool is_watching() const = 0;
  // A connection that lives, and has this life. Constant time.
  virtual void look_at(bool ipv6, ConnectionNumber number, std::uint32_t life) = 0;
  // One that hardware forwards has been idle for too long: it comes back first, so that it is known
  // what hardware saw of it.
  virtual void bring_back(bool ipv6, ConnectionNumber number) = 0;
};

}  // namespace alkaid
