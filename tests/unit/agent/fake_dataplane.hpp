// A data plane's tables without packets: applies, reads back, counts what was written.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "control/agent/reconcile/dataplane_client.hpp"

namespace alkaid::agent::test {

class FakeDataplane {
 public:
  using Ip = std::pair<std::uint64_t, std::uint64_t>;

  std::map<std::uint32_t, api::Segment> segments;
  std::map<std::string, api::Port> ports;
  std::map<std::pair<std::uint32_t, Ip>, std::tuple<std::uint64_t, Ip>> neighbors;
  std::map<std::tuple<std::uint64_t, Ip, std::uint32_t>, api::Route> routes;
  std::map<std::pair<std::uint32_t, std::uint64_t>, api::DhcpBinding> bindings;

  struct Group {
    std::map<std::string, api::SecurityRule> rules;
    std::set<Ip> members;
  };
  std::map<std::string, Group> groups;
  std::vector<api::SecurityGroup> group_changes;  // that were applied, as they came

  std::uint64_t apply_calls = 0;
  std::uint64_t operations = 0;
  std::uint64_t instance = 1;
  std::size_t most_neighbors = ~std::size_t{0};
  std::size_t most_rules = ~std::size_t{0};  // of all groups
  std::set<std::string> missing_devices;     // attachments whose port waits
  std::set<std::string> refused_ports;       // ids
  std::vector<std::string> log;              // what was done in which order: "set neighbor"

  void apply(const api::ApplyRequest& request, api::ApplyResponse& response);
  void read(const std::function<void(const api::ReadResponse&)>& take) const;

  // Everything that is programmed, for comparison.
  [[nodiscard]] std::string dump() const;
  // "10.0.1.11 10.0.1.12" of a group, "none" if there is no such group.
  [[nodiscard]] std::string members(const std::string& group) const;
  // "a b", ids.
  [[nodiscard]] std::string rules(const std::string& group) const;
  [[nodiscard]] bool has_neighbor(std::uint32_t vni, std::string_view ip) const;
  // What the route for a prefix does: "blackhole", "connected 101", "via 10.0.1.9",
  // "remote 172.16.0.9 vni 101 mac 02:00:00:00:0f:01"; empty if there is none.
  [[nodiscard]] std::string route(std::uint64_t table, std::string_view prefix) const;

 private:
  [[nodiscard]] bool has_room(const api::SecurityGroup& change) const;
  api::PortStatus status_of(const api::Port& port) const;
};

// The reconciler's client, in process.
class FakeClient : public DataplaneClient {
 public:
  explicit FakeClient(FakeDataplane& dataplane) : dataplane_(dataplane) {}

  bool available = true;
  int applies_until_loss = -1;               // then the connection is lost
  std::size_t most_bytes = ~std::size_t{0};  // of a request that is taken
  int refused_applies = 0;

  grpc::Status connect(DataplaneHello& hello) override;
  grpc::Status read(const std::function<void(const api::ReadResponse&)>& take) override;
  grpc::Status apply(api::ApplyRequest& request, api::ApplyResponse& response) override;
  void close() override {}

 private:
  FakeDataplane& dataplane_;
};

}  // namespace alkaid::agent::test
