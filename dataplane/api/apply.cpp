#include "dataplane/api/apply.hpp"

#include <chrono>

#include "dataplane/api/convert.hpp"

namespace alkaid {
namespace {

class ApplyCall {
 public:
  ApplyCall(Dataplane& dataplane, api::ApplyResponse& response)
      : dataplane_(dataplane), programmer_(dataplane.programmer()), response_(response) {}

  template <class Messages>
  void set_all(api::ObjectKind kind, const Messages& messages) {
    for (int i = 0; i < messages.size(); ++i) {
      ObjectError error;
      const auto config = from_api(messages.Get(i), error);
      report(kind, false, i, config ? programmer_.set(*config) : ObjectResult{error});
    }
  }

  void set_neighbors(const api::NeighborBatch& batch) {
    for (int row = 0; row < batch.vni_size(); ++row) {
      ObjectError error;
      const auto config = from_api(batch, row, error);
      report(api::NEIGHBOR, false, row, config ? programmer_.set(*config) : ObjectResult{error});
    }
  }

  void set_ports(const google::protobuf::RepeatedPtrField<api::Port>& messages) {
    const int failures = response_.failures_size();
    set_all(api::PORT, messages);
    int failure = failures;
    for (int i = 0; i < messages.size(); ++i) {
      if (failure < response_.failures_size() &&
          response_.failures(failure).index() == static_cast<std::uint32_t>(i)) {
        ++failure;
        continue;
      }
      to_api(dataplane_.ports().view(messages.Get(i).id()), *response_.add_ports());
    }
  }

  template <class Keys, class Remove>
  void remove_all(api::ObjectKind kind, const Keys& keys, Remove&& remove) {
    for (int i = 0; i < keys.size(); ++i) {
      ObjectError error;
      const auto key = from_api(keys.Get(i), error);
      if (key) {
        remove(*key);
      } else {
        report(kind, true, i, error);
      }
    }
  }

  void remove_neighbors(const api::NeighborKeyBatch& batch) {
    for (int row = 0; row < batch.vni_size(); ++row) {
      ObjectError error;
      const auto key = from_api(batch, row, error);
      if (key) {
        programmer_.remove_neighbor(*key);
      } else {
        report(api::NEIGHBOR, true, row, error);
      }
    }
  }

 private:
  void report(api::ObjectKind kind, bool is_delete, int index, const ObjectResult& result) {
    if (!result) {
      return;
    }
    auto* failure = response_.add_failures();
    failure->set_kind(kind);
    failure->set_is_delete(is_delete);
    failure->set_index(static_cast<std::uint32_t>(index));
    failure->set_code(result->code == ObjectErrorCode::kTableFull ? api::TABLE_FULL : api::INVALID);
    failure->set_field(result->field);
    failure->set_message(result->message);
  }

  Dataplane& dataplane_;
  Programmer& programmer_;
  api::ApplyResponse& response_;
};

}  // namespace

grpc::Status apply(Dataplane& dataplane, const api::ApplyRequest& request,
                   api::ApplyResponse& response) {
  if (!has_equal_columns(request.set_neighbors()) ||
      !has_equal_columns(request.delete_neighbors())) {
    return {grpc::StatusCode::INVALID_ARGUMENT,
            "set_neighbors and delete_neighbors want columns of equal length"};
  }
  const auto start = std::chrono::steady_clock::now();
  Programmer& programmer = dataplane.programmer();
  const std::uint64_t before = programmer.operations();
  ApplyCall call(dataplane, response);

  call.set_all(api::SEGMENT, request.set_segments());
  call.set_all(api::SECURITY_GROUP, request.set_security_groups());
  call.set_ports(request.set_ports());
  call.set_neighbors(request.set_neighbors());
  call.set_all(api::ROUTE, request.set_routes());
  call.set_all(api::DHCP_BINDING, request.set_dhcp_bindings());

  call.remove_all(api::DHCP_BINDING, request.delete_dhcp_bindings(),
                  [&](const DhcpBindingKey& key) { programmer.remove_dhcp_binding(key); });
  call.remove_all(api::ROUTE, request.delete_routes(),
                  [&](const RouteKey& key) { programmer.remove_route(key); });
  call.remove_neighbors(request.delete_neighbors());
  for (const auto& id : request.delete_ports()) {
    programmer.remove_port(id);
  }
  for (const auto& id : request.delete_security_groups()) {
    programmer.remove_security_group(id);
  }
  for (const std::uint32_t number : request.delete_segments()) {
    // A VNI out of range names no segment, and absence is no error.
    if (const auto vni = Vni::from_number(number)) {
      programmer.remove_segment(*vni);
    }
  }

  dataplane.publish_changes();
  response.set_operations(programmer.operations() - before);
  response.set_programming_microseconds(
      static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                     std::chrono::steady_clock::now() - start)
                                     .count()));
  return grpc::Status::OK;
}

}  // namespace alkaid
