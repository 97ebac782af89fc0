#include "control/console/show/version.hpp"

#include "control/console/api_values.hpp"
#include "control/console/clients.hpp"

namespace alkaid::console {

Section dataplane_section(const dataplane::v1::GetInfoResponse& info) {
  std::vector<std::string> vteps;
  for (const auto& vtep : info.vteps()) {
    vteps.push_back(ip_text(vtep));
  }
  Section section{.key = "dataplane", .heading = "Data plane", .style = Section::Style::kObject};
  section.columns = {left("version", "version"),
                     left("dpdk_version", "DPDK"),
                     left("process_id", "process"),
                     left("uptime_microseconds", "uptime"),
                     left("instance", "start"),
                     left("vteps", "VTEPs"),
                     left("underlay_mtu", "underlay MTU"),
                     left("operations", "objects written"),
                     left("apply_calls", "write calls"),
                     left("session_client", "session"),
                     left("tsc_hertz", "TSC (Hz)")};
  section.rows = {{text(info.version()), text(info.dpdk_version()), number(info.process_id()),
                   duration(info.uptime_microseconds()), identifier(info.instance()), list(vteps),
                   number(info.underlay_mtu()), number(info.operations()),
                   number(info.apply_calls()), text(info.session_client()),
                   number(info.tsc_hertz())}};
  return section;
}

Section agent_section(const agent::v1::GetConfigResponse& config) {
  Section section{.key = "agent", .heading = "Agent", .style = Section::Style::kObject};
  section.columns = {left("version", "version"),
                     left("uptime_microseconds", "uptime"),
                     left("dataplane_connected", "data plane"),
                     left("dataplane_answers", "answers"),
                     left("in_sync", "in sync"),
                     left("dataplane_instance", "data plane start"),
                     left("goal_states", "goal states"),
                     left("dataplane_operations", "objects written"),
                     left("unclaimed_objects", "unclaimed objects"),
                     left("port_attach", "port attachment"),
                     left("state_file", "goal states kept in"),
                     left("state_problem", "not stored because")};
  Value connected = boolean(config.dataplane_connected());
  connected.text = config.dataplane_connected() ? "connected" : "not connected";
  section.rows = {{text(config.version()), duration(config.uptime_microseconds()), connected,
                   boolean(config.dataplane_answers()), boolean(config.in_sync()),
                   identifier(config.dataplane_instance()), number(config.goal_states()),
                   number(config.dataplane_operations()), number(config.unclaimed_objects()),
                   text(config.port_attach()),
                   text(config.state_file().empty() ? "memory only" : config.state_file()),
                   text(config.state_problem())}};
  return section;
}

Answer show_version(Clients& clients, const Arguments& /*arguments*/) {
  Answer answer;
  Section console{.key = "console", .heading = "Console", .style = Section::Style::kObject};
  console.columns = {left("version", "version"), left("instance", "instance"),
                     left("run_directory", "run directory")};
  console.rows = {{text(ALKAID_VERSION), text(clients.instance().name),
                   text(clients.instance().run_directory)}};
  answer.display.sections.push_back(std::move(console));

  dataplane::v1::GetInfoResponse info;
  answer.failure = clients.call_dataplane(
      [&](auto& stub, auto* context) { return stub.GetInfo(context, {}, &info); });
  answer.display.sections.push_back(answer.failure ? Section{.key = "dataplane",
                                                             .heading = "Data plane",
                                                             .style = Section::Style::kObject,
                                                             .when_empty = "not running"}
                                                   : dataplane_section(info));

  agent::v1::GetConfigResponse config;
  const auto agent_failure = clients.call_agent(
      [&](auto& stub, auto* context) { return stub.GetConfig(context, {}, &config); });
  answer.display.sections.push_back(agent_failure ? Section{.key = "agent",
                                                            .heading = "Agent",
                                                            .style = Section::Style::kObject,
                                                            .when_empty = "not running"}
                                                  : agent_section(config));
  return answer;
}

}  // namespace alkaid::console
