#include "dataplane/api/read.hpp"

#include <algorithm>

#include "dataplane/api/convert.hpp"
#include "dataplane/api/read_security_groups.hpp"

namespace alkaid {
namespace {

// A neighbor takes 44 bytes; a port takes 40 for each of its addresses and pairs.
constexpr std::size_t kObjectsPerBatch = 256;
constexpr std::size_t kNeighborsPerBatch = 65536;

class Reader {
 public:
  explicit Reader(const api::ReadRequest& request) : request_(request) {}

  [[nodiscard]] bool wants(api::ObjectKind kind) const {
    return request_.kinds().empty() || std::find(request_.kinds().begin(), request_.kinds().end(),
                                                 kind) != request_.kinds().end();
  }
  [[nodiscard]] bool wants(Vni vni) const {
    return request_.vni() == 0 || request_.vni() == vni.number();
  }

  // The batch to add one object to.
  api::ReadResponse& batch(std::size_t limit) {
    if (batches_.empty() || count_ >= limit) {
      batches_.emplace_back();
      count_ = 0;
    }
    ++count_;
    return batches_.back();
  }

  // The next kind begins in a batch of its own, since limits differ.
  void next_kind() { count_ = kNeighborsPerBatch; }

  std::vector<api::ReadResponse>& batches() { return batches_; }
  std::vector<api::ReadResponse> take() { return std::move(batches_); }

 private:
  const api::ReadRequest& request_;
  std::vector<api::ReadResponse> batches_;
  std::size_t count_ = 0;
};

}  // namespace

std::vector<api::ReadResponse> read_objects(Dataplane& dataplane, const api::ReadRequest& request) {
  Reader reader(request);
  Tables& tables = dataplane.tables();
  if (reader.wants(api::SEGMENT)) {
    tables.segments.for_each([&](const Segment& segment) {
      if (reader.wants(segment.config.vni)) {
        to_api(segment.config, *reader.batch(kObjectsPerBatch).add_segments());
      }
    });
  }
  if (reader.wants(api::SECURITY_GROUP)) {
    read_security_groups(tables.security_groups, reader.batches());
    reader.next_kind();
  }
  if (reader.wants(api::PORT)) {
    for (const auto& view : dataplane.ports().views()) {
      if (view.config != nullptr &&
          (reader.wants(view.config->vni) || reader.wants(view.config->segment_v6()))) {
        auto& batch = reader.batch(kObjectsPerBatch);
        to_api(*view.config, *batch.add_ports());
        to_api(view, *batch.add_port_statuses());
      }
    }
  }
  if (reader.wants(api::ROUTE)) {
    tables.routes.for_each([&](const Route& route) {
      to_api(route.config, *reader.batch(kObjectsPerBatch).add_routes());
    });
  }
  if (reader.wants(api::DHCP_BINDING)) {
    tables.dhcp_bindings.for_each([&](const DhcpBindingConfig& binding) {
      if (reader.wants(binding.key.vni)) {
        to_api(binding, *reader.batch(kObjectsPerBatch).add_dhcp_bindings());
      }
    });
  }
  if (reader.wants(api::NEIGHBOR)) {
    reader.next_kind();
    tables.neighbors.for_each_remote([&](const Neighbor& neighbor) {
      if (reader.wants(neighbor.vni)) {
        append_to_api({{neighbor.vni, neighbor.ip}, neighbor.mac(), neighbor.tunnel->vtep},
                      *reader.batch(kNeighborsPerBatch).mutable_neighbors());
      }
    });
  }
  return reader.take();
}

}  // namespace alkaid
