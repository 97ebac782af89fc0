#include "control/agent/server/slices_report.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "control/agent/goal_state/decoded_goal_state.hpp"

namespace alkaid::agent {
namespace {

constexpr std::size_t kMostHolders = 64;

void add_holders(SliceContent& content, v1::GetSlicesResponse::Slice& slice) {
  auto& holders = content.holders;
  std::stable_sort(holders.begin(), holders.end(),
                   [](const auto& one, const auto& two) { return one.resources > two.resources; });
  const std::size_t told = std::min(holders.size(), kMostHolders);
  for (std::size_t i = 0; i < told; ++i) {
    auto& holder = *slice.add_holders();
    holder.set_slice(std::move(holders[i].slice));
    holder.set_resources(holders[i].resources);
  }
  slice.set_more_holders(holders.size() - told);
}

}  // namespace

v1::GetSlicesResponse report_slices(const Slices& slices, const v1::GetSlicesRequest& request) {
  v1::GetSlicesResponse response;
  for (SliceContent& content : slices.contents(request.name())) {
    auto& slice = *response.add_slices();
    slice.set_name(std::move(content.report.name));
    slice.set_version(content.report.version);
    slice.set_digest(std::move(content.report.digest));
    slice.set_resources(content.report.resources);
    for (std::size_t type = 0; type < content.of_type.size(); ++type) {
      if (content.of_type[type] > 0) {
        auto& kind = *slice.add_kinds();
        kind.set_type(std::string{to_string(static_cast<ResourceType>(type))});
        kind.set_resources(content.of_type[type]);
      }
    }
    add_holders(content, slice);
  }
  return response;
}

}  // namespace alkaid::agent
