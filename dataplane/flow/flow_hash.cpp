#include "dataplane/flow/flow_hash.hpp"

#include <random>

namespace alkaid {

FlowSecrets FlowSecrets::random() {
  std::random_device device;
  FlowSecrets secrets{};
  for (auto& word : secrets.words) {
    word = std::uint64_t{device()} << 32 | device() | 1;
  }
  return secrets;
}

const FlowSecrets kFlowSecrets = FlowSecrets::random();

}  // namespace alkaid
