#include "control/console/show/xdp.hpp"

#include "control/console/clients.hpp"

namespace alkaid::console {

Display xdp_display(const dataplane::v1::ShowXdpResponse& response) {
  Section devices{.key = "devices", .when_empty = "no port is attached by AF_XDP"};
  devices.columns = {left("port", "PORT"), left("device", "DEVICE"), left("mode", "MODE"),
                     right("receive_queues", "QUEUES"), left("carrier", "CARRIER")};
  Section verdicts{.key = "verdicts", .when_empty = ""};
  verdicts.columns = {left("port", "PORT"), left("verdict", "VERDICT"), right("frames", "FRAMES"),
                      left("description", "DESCRIPTION")};
  for (const auto& device : response.devices()) {
    devices.rows.push_back({text(device.port()), text(device.device()),
                            text(device.native() ? "native" : "generic"),
                            number(device.receive_queues()), boolean(device.carrier())});
    for (const auto& verdict : device.verdicts()) {
      verdicts.rows.push_back({text(device.port()), text(verdict.name()), number(verdict.frames()),
                               text(verdict.description())});
    }
  }
  return {{std::move(devices), std::move(verdicts)}};
}

Answer show_xdp(Clients& clients, const Arguments& /*arguments*/) {
  dataplane::v1::ShowXdpResponse response;
  if (auto failure = clients.call_xdp(
          [&](auto& stub, auto* context) { return stub.ShowXdp(context, {}, &response); })) {
    return failed(*failure);
  }
  return {xdp_display(response), {}};
}

}  // namespace alkaid::console
