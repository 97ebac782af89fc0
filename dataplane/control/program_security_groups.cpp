// Programmer: security groups.
#include "dataplane/control/programmer.hpp"

namespace alkaid {

void Programmer::acquire_groups(const PortConfig& config) {
  for (const auto& id : config.security_groups) {
    tables_.security_groups.acquire(id);
  }
}

void Programmer::release_groups(const PortConfig& config) {
  for (const auto& id : config.security_groups) {
    tables_.security_groups.release(id);
  }
}

ObjectResult Programmer::set(const SecurityGroupChange& change) {
  if (auto failed = tables_.security_groups.apply(change)) {
    return failed;
  }
  return done();
}

void Programmer::remove_security_group(const std::string& id) {
  if (tables_.security_groups.remove(id)) {
    ++operations_;
  }
}

}  // namespace alkaid
