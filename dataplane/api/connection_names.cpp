#include "dataplane/api/connection_names.hpp"

#include "dataplane/tables/segment_table.hpp"

namespace alkaid {

std::uint32_t ConnectionNames::vni_of(std::uint32_t zone) {
  const auto [entry, is_new] = vnis_.try_emplace(zone, 0);
  if (is_new) {
    const Segment* segment = dataplane_.tables().segments.at(zone);
    entry->second = segment != nullptr ? segment->config.vni.number() : vni_by_ports(zone);
  }
  return entry->second;
}

// A port may come before its segment.
std::uint32_t ConnectionNames::vni_by_ports(std::uint32_t zone) const {
  const SegmentTable& segments = dataplane_.tables().segments;
  for (const auto& view : dataplane_.ports().views()) {
    if (view.config == nullptr) {
      continue;
    }
    for (const Vni vni : {view.config->vni, view.config->segment_v6()}) {
      if (segments.zone_of(vni) == zone) {
        return vni.number();
      }
    }
  }
  return 0;
}

std::string ConnectionNames::port_id(FlowPort index) const {
  const Port* port = index == kUnderlayPort ? nullptr : dataplane_.port_table().find(index);
  return port == nullptr ? std::string{} : port->id;
}

std::string ConnectionNames::rule(RuleNumber number) const {
  const RuleName* name = number == kNoRule ? nullptr : dataplane_.tables().rules.name(number);
  return name == nullptr ? std::string{} : name->group + "/" + name->rule;
}

}  // namespace alkaid
