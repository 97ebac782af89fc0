#include "control/agent/desired/revisions.hpp"

#include <functional>
#include <utility>

#include "control/agent/reconcile/objects.hpp"

namespace alkaid::agent {

std::optional<std::uint32_t> Revisions::advance(ResourceType type, std::string_view id,
                                                std::uint32_t revision) {
  if (revision == 0) {
    return std::nullopt;
  }
  const auto type_bits = static_cast<std::uint64_t>(type) << 56;
  const Fingerprint fingerprint{router_key(id) ^ type_bits,
                                std::hash<std::string_view>{}(id) ^ type_bits};
  auto known = young_.find(fingerprint);
  if (known == young_.end()) {
    const auto older = old_.find(fingerprint);
    const std::uint32_t former = older == old_.end() ? 0 : older->second;
    if (young_.size() >= capacity_) {
      old_ = std::exchange(young_, {});
    }
    known = young_.emplace(fingerprint, former).first;
  }
  if (revision < known->second) {
    return known->second;
  }
  known->second = revision;
  return std::nullopt;
}

}  // namespace alkaid::agent
