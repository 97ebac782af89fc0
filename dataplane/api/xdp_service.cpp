#include "dataplane/api/xdp_service.hpp"

#include <string>

#include "dataplane/api/on_control_thread.hpp"
#include "dataplane/ports/kernel_device.hpp"
#include "dataplane/xdp/xdp_device.hpp"

namespace alkaid {
namespace {

void describe(const XdpDevice& device, dataplane::v1::ShowXdpResponse::Device& into) {
  into.set_device(device.device());
  into.set_native(device.program().is_native());
  into.set_receive_queues(static_cast<std::uint32_t>(device.queues()));
  into.set_carrier(kernel_device_has_carrier(device.device()).value_or(false));
  const XdpVerdicts verdicts = device.program().verdicts();
  for (std::size_t verdict = 0; verdict < verdicts.size(); ++verdict) {
    auto* entry = into.add_verdicts();
    entry->set_name(std::string{xdp_verdict_names()[verdict].name});
    entry->set_description(std::string{xdp_verdict_names()[verdict].description});
    entry->set_frames(verdicts[verdict]);
  }
}

}  // namespace

grpc::Status XdpService::ShowXdp(grpc::ServerContext* /*context*/,
                                 const dataplane::v1::ShowXdpRequest* /*request*/,
                                 dataplane::v1::ShowXdpResponse* response) {
  return on_control_thread(dataplane_.executor(), [&] {
    for (const auto& view : dataplane_.ports().views()) {
      const XdpDevice* device = XdpDevice::find(view.port->device.ethdev);
      // A trunk's guests have its device.
      if (device != nullptr && view.port->device.vlan == 0) {
        auto* entry = response->add_devices();
        entry->set_port(view.port->id);
        describe(*device, *entry);
      }
    }
  });
}

}  // namespace alkaid
