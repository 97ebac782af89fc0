#include "control/console/table_reader.hpp"

namespace alkaid::console {

std::optional<Failure> read_objects(
    Clients& clients, std::initializer_list<dataplane::v1::ObjectKind> kinds, std::uint32_t vni,
    const std::function<void(const dataplane::v1::ReadResponse&)>& batch,
    std::chrono::milliseconds timeout) {
  dataplane::v1::ReadRequest request;
  for (const auto kind : kinds) {
    request.add_kinds(kind);
  }
  request.set_vni(vni);
  return clients.call_dataplane(
      [&](auto& stub, auto* context) {
        const auto reader = stub.Read(context, request);
        dataplane::v1::ReadResponse response;
        while (reader->Read(&response)) {
          batch(response);
        }
        return reader->Finish();
      },
      timeout);
}

}  // namespace alkaid::console
