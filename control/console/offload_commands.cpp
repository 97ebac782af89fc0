#include "control/console/offload_commands.hpp"

#include "control/console/clients.hpp"
#include "control/console/show/offload.hpp"

namespace alkaid::console {
namespace {

// Answers with what hardware does then.
Answer set_offload(Clients& clients, const Arguments& arguments, bool on) {
  dataplane::v1::SetOffloadRequest request;
  request.set_on(on);
  dataplane::v1::SetOffloadResponse response;
  if (auto failure = clients.call_offload([&](auto& stub, auto* context) {
        return stub.SetOffload(context, request, &response);
      })) {
    return failed(*failure);
  }
  return show_offload(clients, arguments);
}

Answer offload_on(Clients& clients, const Arguments& arguments) {
  return set_offload(clients, arguments, true);
}

Answer offload_off(Clients& clients, const Arguments& arguments) {
  return set_offload(clients, arguments, false);
}

}  // namespace

Node set_offload_node() {
  return keyword("offload", "established connections in hardware",
                 {show("off", "take all back, forward in software", offload_off),
                  show("on", "give those that have earned it to hardware that can", offload_on)});
}

}  // namespace alkaid::console
