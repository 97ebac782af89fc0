// For tests that hold for both address families.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "dataplane/flow/flow_key.hpp"

namespace alkaid {

using Families = ::testing::Types<FlowKeyV4, FlowKeyV6>;
class FamilyName {
 public:
  template <class Key>
  static std::string GetName(int) {
    return Key::kIsV6 ? "Ipv6" : "Ipv4";
  }
};

}  // namespace alkaid
