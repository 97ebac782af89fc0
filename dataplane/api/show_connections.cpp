#include "dataplane/api/show_connections.hpp"

#include <algorithm>
#include <string>

#include "dataplane/api/connection_filter.hpp"
#include "dataplane/api/connection_names.hpp"
#include "dataplane/api/convert.hpp"
#include "dataplane/offload/offloader.hpp"

namespace alkaid {
namespace {

// What hardware knows of them.
void ask_hardware(Dataplane& dataplane, std::vector<ConnectionSnapshot>& connections) {
  for (ConnectionSnapshot& connection : connections) {
    connection.offloaded = dataplane.offloader().add_counts(connection);
  }
}

// Of times that wrap; nothing is later than now.
std::uint64_t elapsed(Milliseconds now, Milliseconds then) {
  return static_cast<std::uint64_t>(std::max(static_cast<std::int32_t>(now - then), 0));
}

bool is_icmp(std::uint8_t protocol) {
  return protocol == ip_protocol::kIcmp || protocol == ip_protocol::kIcmpv6;
}

class Converter {
 public:
  explicit Converter(Dataplane& dataplane)
      : keeper_(dataplane.connections()), names_(dataplane), now_(keeper_.now()) {}

  void put(const ConnectionSnapshot& connection, api::ConnectionInfo& message) {
    message.set_protocol(connection.protocol);
    message.set_state(std::string{name_of(connection.word.state())});
    put(connection, Direction::kOriginal, *message.mutable_original());
    put(connection, Direction::kReply, *message.mutable_reply());
    message.set_age_milliseconds(now_ - connection.created);
    message.set_timeout_milliseconds(connection.id.ipv6
                                         ? keeper_.time_left<FlowKeyV6>(connection.id.number)
                                         : keeper_.time_left<FlowKeyV4>(connection.id.number));
    message.set_egress_rule(names_.rule(connection.egress_rule));
    message.set_ingress_rule(names_.rule(connection.ingress_rule));
    message.set_offloaded(connection.offloaded);
  }

 private:
  void put(const ConnectionSnapshot& connection, Direction direction,
           api::ConnectionDirection& message) {
    const auto& from = connection.directions[static_cast<std::size_t>(direction)];
    message.set_vni(names_.vni_of(from.zone));
    to_api(from.source, *message.mutable_source());
    to_api(from.destination, *message.mutable_destination());
    message.set_source_port(from.source_port);
    message.set_destination_port(from.destination_port);
    if (is_icmp(connection.protocol)) {
      // icmp_query_ports(): the identifier stands at the initiator's end, the query's type << 8 at
      // the other one.
      const bool is_original = direction == Direction::kOriginal;
      message.set_source_port(is_original ? from.source_port : from.destination_port);
      message.set_destination_port((is_original ? from.destination_port : from.source_port) >> 8U);
    }
    message.set_ingress(names_.port_id(from.ingress));
    message.set_packets(from.packets);
    message.set_bytes(from.bytes);
    message.set_idle_milliseconds(elapsed(now_, from.last_seen));
  }

  ConnectionKeeper& keeper_;
  ConnectionNames names_;
  const Milliseconds now_;
};

}  // namespace

grpc::Status ConnectionListing::start() {
  ConnectionFilter filter;
  const grpc::Status status = from_api(dataplane_, request_.filter(), filter);
  if (status.ok()) {
    search_.emplace(dataplane_.flows(), std::move(filter));
    left_ = request_.limit() == 0 ? SIZE_MAX : request_.limit();
  }
  return status;
}

bool ConnectionListing::next(api::ShowConnectionsResponse& batch) {
  if (request_.top() == 0) {
    return next_in_order(batch);
  }
  if (has_searched_) {
    return next_of_largest(batch);
  }
  std::vector<ConnectionSnapshot> found;
  has_searched_ = !search_->advance(kPlacesPerStep, SIZE_MAX, found);
  ask_hardware(dataplane_, found);
  keep_largest(found);
  if (has_searched_) {
    // The smallest first: batches are taken from the back.
    std::sort(largest_.begin(), largest_.end(),
              [](const Candidate& a, const Candidate& b) { return a.bytes < b.bytes; });
  }
  return true;
}

bool ConnectionListing::next_in_order(api::ShowConnectionsResponse& batch) {
  std::vector<ConnectionSnapshot> found;
  const bool has_more =
      search_->advance(kPlacesPerStep, std::min(kConnectionsPerStep, left_), found);
  ask_hardware(dataplane_, found);
  left_ -= found.size();
  Converter converter(dataplane_);
  for (const auto& connection : found) {
    converter.put(connection, *batch.add_connections());
  }
  return has_more && left_ > 0;
}

void ConnectionListing::keep_largest(const std::vector<ConnectionSnapshot>& found) {
  const std::size_t most = std::min<std::size_t>(request_.top(), left_);
  for (const auto& connection : found) {
    const Candidate candidate{.bytes = connection.bytes(), .id = connection.id};
    if (largest_.size() == most) {
      if (candidate.bytes <= largest_.front().bytes) {
        continue;
      }
      std::pop_heap(largest_.begin(), largest_.end(), is_larger);
      largest_.pop_back();
    }
    largest_.push_back(candidate);
    std::push_heap(largest_.begin(), largest_.end(), is_larger);
  }
}

bool ConnectionListing::next_of_largest(api::ShowConnectionsResponse& batch) {
  Converter converter(dataplane_);
  for (std::size_t i = 0; i < kConnectionsPerStep && !largest_.empty(); ++i) {
    if (auto connection = look_up_connection(dataplane_.flows(), largest_.back().id)) {
      connection->offloaded = dataplane_.offloader().add_counts(*connection);
      converter.put(*connection, *batch.add_connections());
    }
    largest_.pop_back();
  }
  return !largest_.empty();
}

bool ConnectionStateCounter::advance() {
  found_.clear();
  const bool has_more = search_.advance(kPlacesPerStep, SIZE_MAX, found_);
  for (const auto& connection : found_) {
    ++counts_[{connection.protocol, connection.word.state()}];
  }
  return has_more;
}

void ConnectionStateCounter::report(api::ShowConnectionSummaryResponse& response) const {
  for (const auto& [key, connections] : counts_) {
    auto* count = response.add_states();
    count->set_protocol(key.first);
    count->set_state(std::string{name_of(key.second)});
    count->set_connections(connections);
  }
}

void show_connection_summary(Dataplane& dataplane, api::ShowConnectionSummaryResponse& response) {
  for (const bool ipv6 : {false, true}) {
    const auto totals = dataplane.connection_usage().totals(ipv6);
    const auto occupancy = dataplane.connection_usage().occupancy(ipv6);
    auto* table = response.add_tables();
    table->set_family(ipv6 ? "IPv6" : "IPv4");
    table->set_used(occupancy.used);
    table->set_capacity(occupancy.capacity);
    table->set_high_water(occupancy.high_water);
    table->set_full_events(occupancy.full_events);
    table->set_bytes(occupancy.bytes);
    table->set_created(totals.created);
    table->set_evicted(totals.evicted);
    table->set_expired(totals.expired);
  }
  const ConnectionTimeouts defaults;
  for_each_timeout([&](const char* name, auto member) {
    auto* timeout = response.add_timeouts();
    timeout->set_name(name);
    timeout->set_seconds(dataplane.connections().timeouts().*member);
    timeout->set_default_seconds(defaults.*member);
  });
  response.set_fast_path(dataplane.flows().settings.fast_path);
}

}  // namespace alkaid
