// The local API's calls about neighbors that are missing. Design: docs/design/on-demand.md.
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "dataplane/api/convert.hpp"
#include "dataplane/api/service.hpp"
#include "dataplane/on_demand/neighbor_use.hpp"

namespace alkaid {
namespace {

// The first news go at once; then others gather for so long.
constexpr std::chrono::microseconds kGathering{200};
// How often a call that has nothing to tell looks whether it still is the watcher.
constexpr std::chrono::milliseconds kWatchPoll{50};

void to_api(const ToldMiss& told, api::Miss& message) {
  const RaisedMiss& miss = told.miss;
  const AwaitedAddress& awaited = miss.key.address;
  message.set_id(told.id);
  message.set_vni(awaited.vni.number());
  to_api(awaited.ip.is_unset() ? miss.destination : awaited.ip, *message.mutable_address());
  message.set_mac(awaited.mac.number());
  message.set_port(told.port);
  message.set_source_vni(miss.source_vni.number());
  to_api(miss.source, *message.mutable_source());
  to_api(miss.destination, *message.mutable_destination());
  message.set_ether_type(miss.ether_type);
  message.set_protocol(miss.protocol);
  message.set_source_port(miss.source_port);
  message.set_destination_port(miss.destination_port);
}

void add_counter(api::ShowOnDemandResponse& response, const char* name, const char* description,
                 std::uint64_t value) {
  auto* counter = response.add_counters();
  counter->set_name(name);
  counter->set_description(description);
  counter->set_value(value);
}

}  // namespace

grpc::Status DataplaneService::WatchMisses(grpc::ServerContext* context,
                                           const api::WatchMissesRequest* /*request*/,
                                           grpc::ServerWriter<api::MissBatch>* writer) {
  OnDemand& on_demand = dataplane_.on_demand();
  std::uint64_t watch = 0;
  grpc::Status status = on_control_thread([&] { watch = on_demand.begin_watch(); });
  bool open = status.ok() && writer->Write(api::MissBatch{});
  api::MissBatch batch;  // keeps its memory
  while (status.ok() && open && !context->IsCancelled() && !events_.is_closed()) {
    on_demand.wait_for_news(kWatchPoll);
    batch.Clear();
    status = on_control_thread([&]() -> grpc::Status {
      if (!on_demand.is_watched_by(watch)) {
        return {grpc::StatusCode::ABORTED, "another call watches now"};
      }
      const OnDemandNews news = on_demand.take_news();
      for (const ToldMiss& told : news.misses) {
        to_api(told, *batch.add_misses());
      }
      batch.mutable_found()->Add(news.found.begin(), news.found.end());
      *batch.mutable_gone_ports() = {news.gone_ports.begin(), news.gone_ports.end()};
      return grpc::Status::OK;
    });
    if (status.ok() && batch.ByteSizeLong() > 0) {
      open = writer->Write(batch);
      std::this_thread::sleep_for(kGathering);
    }
  }
  static_cast<void>(on_control_thread([&] { on_demand.end_watch(watch); }));
  return status;
}

grpc::Status DataplaneService::EndMisses(grpc::ServerContext* /*context*/,
                                         const api::EndMissesRequest* request,
                                         api::EndMissesResponse* /*response*/) {
  return on_control_thread([&] {
    for (const std::uint64_t id : request->ids()) {
      dataplane_.on_demand().end_miss(id);
    }
  });
}

grpc::Status DataplaneService::ReadNeighborUse(grpc::ServerContext* context,
                                               const api::ReadNeighborUseRequest* request,
                                               api::ReadNeighborUseResponse* response) {
  if (!has_equal_columns(request->neighbors())) {
    return {grpc::StatusCode::INVALID_ARGUMENT, "neighbors wants columns of equal length"};
  }
  std::vector<NeighborKey> keys;
  for (int row = 0; row < request->neighbors().vni_size(); ++row) {
    ObjectError error;
    const auto key = from_api(request->neighbors(), row, error);
    if (!key) {
      return {grpc::StatusCode::INVALID_ARGUMENT,
              "neighbors." + error.field + " of row " + std::to_string(row) + " " + error.message};
    }
    keys.push_back(*key);
  }
  NeighborUse use{dataplane_.flows(), dataplane_.tables().neighbors, std::move(keys)};
  grpc::Status status;
  for (bool has_more = true; status.ok() && has_more;) {
    if (context->IsCancelled()) {
      return {grpc::StatusCode::CANCELLED, "the client went away"};
    }
    status = on_control_thread([&] { has_more = use.advance(); });
  }
  if (status.ok()) {
    response->mutable_idle_milliseconds()->Add(use.idle().begin(), use.idle().end());
  }
  return status;
}

grpc::Status DataplaneService::ShowOnDemand(grpc::ServerContext* /*context*/,
                                            const api::ShowOnDemandRequest* /*request*/,
                                            api::ShowOnDemandResponse* response) {
  return on_control_thread([&] {
    const OnDemand& on_demand = dataplane_.on_demand();
    const OnDemand::Totals totals = on_demand.totals();
    response->set_active(on_demand.is_active());
    response->set_waiting_packets(totals.waiting);
    response->set_waiting_capacity(on_demand.capacity());
    response->set_destinations(on_demand.destinations());
    add_counter(*response, "waited", "packets that had to wait for their neighbor", totals.waited);
    add_counter(*response, "released", "went on when their neighbor came, or was said not to exist",
                totals.released);
    add_counter(*response, "expired", "went on without their neighbor after the longest wait",
                totals.expired);
    add_counter(*response, "purged", "were dropped with their port", totals.purged);
    add_counter(*response, "misses", "destinations that workers found missing", totals.misses);
    add_counter(*response, "told", "of these, told to the agent", totals.told);
  });
}

}  // namespace alkaid
