#include "dataplane/policy/security_group.hpp"

namespace alkaid {

SecurityGroup::~SecurityGroup() {
  delete rules_.load(std::memory_order_relaxed);
  delete members_.load(std::memory_order_relaxed);
}

}  // namespace alkaid
