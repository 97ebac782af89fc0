#include "dataplane/api/show_security_groups.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "dataplane/api/convert.hpp"

namespace alkaid {

void show_security_groups(Dataplane& dataplane, const api::ShowSecurityGroupsRequest& request,
                          api::ShowSecurityGroupsResponse& response) {
  std::map<std::string, std::vector<std::string>> ports_of;  // group to ports
  for (const auto& view : dataplane.ports().views()) {
    if (view.config != nullptr) {
      for (const auto& group : view.config->security_groups) {
        ports_of[group].push_back(view.config->id);
      }
    }
  }
  const Tables& tables = dataplane.tables();
  tables.security_groups.for_each([&](const SecurityGroup& group) {
    const auto& ports = ports_of[group.id()];
    if ((!request.id().empty() && request.id() != group.id()) ||
        (!request.port().empty() &&
         std::find(ports.begin(), ports.end(), request.port()) == ports.end())) {
      return;
    }
    auto* shown = response.add_groups();
    shown->set_id(group.id());
    for (const auto& [id, rule] : group.rules()) {
      auto* shown_rule = shown->add_rules();
      to_api(rule.config, *shown_rule->mutable_rule());
      shown_rule->set_hits(tables.rules.hits(rule.number));
    }
    group.for_each_member([&](const IpAddress& member) { to_api(member, *shown->add_members()); });
    shown->mutable_ports()->Add(ports.begin(), ports.end());
  });
}

}  // namespace alkaid
