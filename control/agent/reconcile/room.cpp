// Reconciler: writes that found no room or failed, and their next try.
#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "control/agent/reconcile/reconciler.hpp"
#include "control/common/logging.hpp"

namespace alkaid::agent {
namespace {

// The data plane is there, but doesn't take this call; another connection would change nothing.
bool is_refusal(grpc::StatusCode code) {
  return code == grpc::StatusCode::RESOURCE_EXHAUSTED ||
         code == grpc::StatusCode::INVALID_ARGUMENT || code == grpc::StatusCode::UNIMPLEMENTED;
}

// An answer that says of every object of the request that it was not applied.
void refuse_all(const api::ApplyRequest& request, const grpc::Status& status,
                api::ApplyResponse& response) {
  // An object that is too large for a message alone stays so; others may have been unlucky.
  const bool is_oversized = request.ByteSizeLong() > ChangeBatch::kMostBytes;
  const auto refuse = [&](api::ObjectKind kind, bool is_delete, int count) {
    for (int i = 0; i < count; ++i) {
      auto& failure = *response.add_failures();
      failure.set_kind(kind);
      failure.set_is_delete(is_delete);
      failure.set_index(static_cast<std::uint32_t>(i));
      failure.set_code(is_oversized ? api::INVALID : api::ERROR_CODE_UNSPECIFIED);
      failure.set_message(status.error_message());
    }
  };
  refuse(api::SEGMENT, false, request.set_segments_size());
  refuse(api::SECURITY_GROUP, false, request.set_security_groups_size());
  refuse(api::PORT, false, request.set_ports_size());
  refuse(api::NEIGHBOR, false, request.set_neighbors().vni_size());
  refuse(api::ROUTE, false, request.set_routes_size());
  refuse(api::DHCP_BINDING, false, request.set_dhcp_bindings_size());
  refuse(api::DHCP_BINDING, true, request.delete_dhcp_bindings_size());
  refuse(api::ROUTE, true, request.delete_routes_size());
  refuse(api::NEIGHBOR, true, request.delete_neighbors().vni_size());
  refuse(api::PORT, true, request.delete_ports_size());
  refuse(api::SECURITY_GROUP, true, request.delete_security_groups_size());
  refuse(api::SEGMENT, true, request.delete_segments_size());
}

}  // namespace

bool Reconciler::apply(api::ApplyRequest& request) {
  api::ApplyResponse response;
  grpc::Status status;
  {
    const Attendance::Absence away{attendance_};
    status = client_.apply(request, response);
  }
  return take_answer(request, response, status);
}

bool Reconciler::take_answer(const api::ApplyRequest& request, api::ApplyResponse& response,
                             const grpc::Status& status) {
  if (!status.ok() && !is_refusal(status.error_code())) {
    connection_lost(fmt::format("Apply: {}", status.error_message()));
    return false;
  }
  if (!status.ok()) {
    spdlog::error("the data plane refused a write of {} bytes: {}", request.ByteSizeLong(),
                  status.error_message());
    response.Clear();
    refuse_all(request, status, response);
  }
  operations_ += response.operations();
  commit_sets(request, response);
  commit_deletes(request, response);
  return true;
}

void Reconciler::table_changed(const api::TableStatus& status) {
  if (status.full()) {
    return;
  }
  // Tables that traffic fills; of those that goal states fill announce_room() tells.
  if (status.table().starts_with("connections")) {
    const bool is_high = status.used() * 100 >= status.capacity() * 80;
    std::string text =
        fmt::format("the data plane's table of {} is {} ({} of {})", printable(status.table()),
                    is_high ? "at least 80 % full" : "less than 75 % full again", status.used(),
                    status.capacity());
    events_.add(is_high ? v1::Event::WARNING : v1::Event::INFO,
                is_high ? "table_nearly_full" : "table_calm", std::move(text));
    return;
  }
  wants_retry_ = true;
  retry_interval_ = kFirstRetry;
}

void Reconciler::retry() {
  wants_retry_ = false;
  if (!connected_ || failures_.empty()) {
    retry_interval_ = kFirstRetry;
    return;
  }
  const std::size_t marked =
      failures_.segments.mark_retries(kMostRetries, dirty_.segments) +
      failures_.ports.mark_retries(kMostRetries, dirty_.ports) +
      failures_.neighbors.mark_retries(kMostRetries, dirty_.neighbors) +
      failures_.routes.mark_retries(kMostRetries, dirty_.routes) +
      failures_.dhcp.mark_retries(kMostRetries, dirty_.dhcp) +
      failures_.security_groups.mark_retries(kMostRetries, dirty_.security_groups);
  const std::size_t before = failures_.size();
  flush();
  const std::size_t after = failures_.size();
  // All that was tried went well: the rest may have room too.
  wants_retry_ = wants_retry_ || (marked > 0 && after + marked == before);
  retry_interval_ = after < before ? kFirstRetry : std::min(2 * retry_interval_, kLastRetry);
}

void Reconciler::announce_room() {
  if (!connected_) {
    return;
  }
  const std::array<std::pair<std::string_view, std::size_t>, 6> tables = {{
      {"segment", failures_.segments.without_room()},
      {"port", failures_.ports.without_room()},
      {"neighbor", failures_.neighbors.without_room()},
      {"route", failures_.routes.without_room()},
      {"DHCP binding", failures_.dhcp.without_room()},
      {"security group", failures_.security_groups.without_room()},
  }};
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const auto& [name, waiting] = tables[i];
    if (waiting > 0 && !is_full_[i]) {
      const std::string text = fmt::format(
          "the data plane has no room for {} {}s: they are programmed as soon as there "
          "is room; see show tables for sizes",
          waiting, name);
      spdlog::warn("{}", text);
      events_.add(v1::Event::WARNING, "table_full", text);
    } else if (waiting == 0 && is_full_[i]) {
      const std::string text =
          fmt::format("all {}s that waited for room in the data plane are programmed", name);
      spdlog::info("{}", text);
      events_.add(v1::Event::INFO, "table_has_room", text);
    }
    is_full_[i] = waiting > 0;
  }
}

}  // namespace alkaid::agent
