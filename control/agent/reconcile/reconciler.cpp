#include "control/agent/reconcile/reconciler.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "control/agent/reconcile/object_codec.hpp"
#include "control/common/logging.hpp"

namespace alkaid::agent {
namespace {

// name: printable.
v1::Problem about_port(const std::string& name) {
  v1::Problem problem;
  problem.set_time_microseconds(now_microseconds());
  problem.set_resource_type("PORT");
  problem.set_resource_id(name);
  return problem;
}

}  // namespace

Reconciler::Reconciler(DataplaneClient& client, EventLog& events, IpAddress host, Policy policy)
    : client_(client),
      events_(events),
      host_(host),
      store_(dirty_, std::move(policy)),
      pipe_(client) {
  if (!host_.is_unset()) {
    store_.set_own_addresses({host_});
  }
}

std::string Reconciler::restore(
    const std::function<std::string(DesiredStore&, bool& is_complete)>& load, Journal& journal) {
  std::string error = load(store_, is_complete_);
  dirty_ = {};  // everything is compared at connect
  store_.take_resolved();
  store_.set_journal(journal);
  journal_ = &journal;
  return error;
}

// From the moment when nothing in the data plane is unknown, it holds what this agent wrote.
void Reconciler::note_completeness() {
  if (journal_ != nullptr && connected_ && !is_complete_ && mirror_.unclaimed() == 0) {
    is_complete_ = true;
    journal_->put_completeness(true);
  }
}

// ---------------------------------------------------------------- connection

bool Reconciler::connect() {
  DataplaneHello hello;
  grpc::Status status;
  {
    const Attendance::Absence away{attendance_};
    status = client_.connect(hello);
  }
  if (!status.ok()) {
    spdlog::debug("no data plane: {}", status.error_message());
    client_.close();
    return false;
  }
  mirror_.clear();
  {
    const Attendance::Absence away{attendance_};
    status = client_.read([this](const api::ReadResponse& response) {
      attendance_.come_back();
      mirror_.take_read_back(response);
      attendance_.leave();
    });
  }
  if (!status.ok()) {
    spdlog::warn("reading the data plane back failed: {}", status.error_message());
    mirror_.clear();
    client_.close();
    return false;
  }
  connected_ = true;
  const bool restarted = instance_ != 0 && instance_ != hello.instance;
  instance_ = hello.instance;

  std::vector<IpAddress> own = hello.vteps;
  if (!host_.is_unset()) {
    own.insert(own.begin(), host_);
  }
  store_.set_own_addresses(std::move(own));
  const std::size_t read_back = mirror_.unclaimed();
  read_back_done();
  events_.add(v1::Event::INFO, "dataplane_connected",
              fmt::format("{} data plane {:016x}, version {}: {} objects read back",
                          restarted ? "new" : "connected to", instance_, hello.version, read_back));
  spdlog::info("connected to data plane {:016x}, {} objects read back", instance_, read_back);
  flush();
  return connected_;
}

void Reconciler::read_back_done() {
  failures_ = {};
  unclaimed_routers_.clear();
  if (is_complete_) {
    compare_everything();
    return;
  }
  for (const auto& [vni, segment] : mirror_.segments) {
    if (segment.object.router != 0) {
      unclaimed_routers_.insert(segment.object.router);
    }
  }
  for (const auto& [key, route] : mirror_.routes) {
    if (vni_of_rule_table(key.table) == Vni{}) {
      unclaimed_routers_.insert(key.table);
    }
  }
  for (const std::uint64_t key : settled_routers_) {
    unclaimed_routers_.erase(key);
  }
  settling_routers_ = settled_routers_;
  // First what was deleted while there was no data plane to delete it from.
  for (const DeferredDelete& deleted : std::exchange(deferred_deletes_, {})) {
    delete_in_mirror(deleted);
  }
  hold_security_groups();
  settle_vlans();
  store_.mark_everything();
}

// What is wanted, and what is there without being wanted.
void Reconciler::compare_everything() {
  mirror_.claim_everything();
  settling_routers_.clear();
  deferred_deletes_.clear();
  store_.groups().drop_holds();
  settle_vlans();
  store_.mark_everything();
  for (const auto& [vni, segment] : mirror_.segments) {
    dirty_.segments.insert(vni);
  }
  for (const auto& [id, port] : mirror_.ports) {
    dirty_.ports.insert(id);
  }
  for (const auto& [key, neighbor] : mirror_.neighbors) {
    if (!store_.wanted_neighbor(key)) {
      dirty_.neighbors.insert(key);
    }
  }
  for (const auto& [key, route] : mirror_.routes) {
    dirty_.routes.insert(key);
  }
  for (const auto& [key, binding] : mirror_.dhcp) {
    dirty_.dhcp.insert(key);
  }
  for (const auto& [id, group] : mirror_.security_groups) {
    dirty_.security_groups.insert(id);
  }
}

void Reconciler::connection_lost(std::string_view reason) {
  if (!connected_) {
    return;
  }
  connected_ = false;
  client_.close();
  mirror_.clear();
  store_.groups().drop_holds();
  failures_ = {};
  events_.add(v1::Event::WARNING, "dataplane_lost",
              fmt::format("connection to the data plane lost: {}", reason));
  spdlog::warn("connection to the data plane lost: {}", reason);
}

void Reconciler::port_changed(const api::PortStatus& status) {
  const auto port = mirror_.ports.find(status.id());
  if (port == mirror_.ports.end()) {
    return;
  }
  const bool changed = port->second.state != status.state();
  // An attached port's detail says that it has no carrier, and nothing else.
  const bool other_carrier =
      !changed && status.state() == api::ATTACHED && port->second.detail != status.detail();
  port->second.state = status.state();
  port->second.detail = status.detail();
  if (changed) {
    note_port_state(status.id(), status.state(), status.detail());
  } else if (other_carrier) {
    const std::string name = printable(status.id());
    const bool is_back = status.detail().empty();
    events_.add(is_back ? v1::Event::INFO : v1::Event::WARNING,
                is_back ? "carrier_back" : "carrier_lost",
                fmt::format("port {} has {}", name, is_back ? "a carrier again" : "no carrier"),
                about_port(name));
  }
}

void Reconciler::note_port_state(const std::string& id, api::PortState state,
                                 const std::string& detail) {
  const std::string name = printable(id);
  v1::Problem problem = about_port(name);
  problem.set_status(state == api::ATTACHED ? "SUCCESS" : "PENDING");
  problem.set_message(detail);
  switch (state) {
    case api::ATTACHED:
      events_.add(v1::Event::INFO, "port_attached", fmt::format("port {} is attached", name),
                  std::move(problem));
      break;
    case api::WAITING:
      events_.add(v1::Event::INFO, "port_waiting",
                  fmt::format("port {} waits for its device: {}", name, detail),
                  std::move(problem));
      break;
    default:
      events_.add(v1::Event::WARNING, "port_failed",
                  fmt::format("port {} can't be attached: {}", name, detail), std::move(problem));
      break;
  }
}

// ---------------------------------------------------------------- flush

std::chrono::microseconds Reconciler::flush() {
  finish_writing_ahead();
  const std::size_t failures = failures_.size();
  std::chrono::microseconds spent = std::exchange(spent_ahead_, {});
  if (connected_) {
    mark_settled_routers();
  }
  // Committing a change of ports may bring neighbors back, hence rounds; each has less to do.
  constexpr int kMostRounds = 4;
  for (int round = 0; round < kMostRounds && connected_ && !dirty_.empty(); ++round) {
    ChangeBatch batch;
    plan(batch);
    is_writing_ = true;
    auto& requests = batch.requests();
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const auto start = std::chrono::steady_clock::now();
      const bool applied = apply(requests[i]);
      spent += std::chrono::duration_cast<std::chrono::microseconds>(
          std::chrono::steady_clock::now() - start);
      if (!applied) {
        std::for_each(requests.begin() + static_cast<std::ptrdiff_t>(i), requests.end(),
                      [this](const api::ApplyRequest& request) { mark_deletes(request); });
        break;
      }
      requests[i].Clear();
    }
  }
  is_writing_ = false;
  note_completeness();
  if (!connected_ && is_complete_) {
    dirty_ = {};  // everything is compared at connect
  } else if (!connected_) {
    forget_resolvable_marks();
  }
  announce_resolved();
  announce_room();
  if (failures_.size() > failures) {
    retry_interval_ = kFirstRetry;
  }
  return spent;
}

// While there is no data plane only deletes have to be remembered: at connect, everything that is
// wanted is compared anyway.
void Reconciler::forget_resolvable_marks() {
  std::erase_if(dirty_.segments,
                [this](Vni vni) { return store_.wanted_segment(vni).has_value(); });
  std::erase_if(dirty_.ports,
                [this](const std::string& id) { return store_.find_port(id) != nullptr; });
  absl::erase_if(dirty_.neighbors, [this](const NeighborKey& key) {
    return store_.wanted_neighbor(key).has_value();
  });
  std::erase_if(dirty_.routes, [this](const RouteKey& key) {
    return store_.wanted_route(key).state != DesiredStore::WantedRoute::State::kAbsent;
  });
  std::erase_if(dirty_.dhcp,
                [this](const DhcpKey& key) { return store_.wanted_dhcp(key).has_value(); });
  forget_resolvable_group_marks();
}

void Reconciler::forget_resolvable_group_marks() {
  dirty_.security_groups.sweep([this](const std::string& id, DirtyGroup& marks) {
    const SecurityGroup* group = store_.find_security_group(id);
    if (group == nullptr) {
      return false;
    }
    marks.whole = false;
    std::erase_if(marks.rules,
                  [group](const std::string& rule) { return group->rules.contains(rule); });
    std::erase_if(marks.members,
                  [group](const IpAddress& member) { return group->members.contains(member); });
    return marks.rules.empty() && marks.members.empty();
  });
}

void Reconciler::mark_deletes(const api::ApplyRequest& request) {
  for (const auto& key : request.delete_dhcp_bindings()) {
    dirty_.dhcp.insert(decode(key));
  }
  for (const auto& key : request.delete_routes()) {
    dirty_.routes.insert(decode(key));
  }
  const auto& neighbors = request.delete_neighbors();
  for (int row = 0; row < neighbors.vni_size(); ++row) {
    dirty_.neighbors.insert({IpAddress::from_numbers(neighbors.ip_high(row), neighbors.ip_low(row)),
                             Vni::from_trusted(neighbors.vni(row))});
  }
  dirty_.ports.insert(request.delete_ports().begin(), request.delete_ports().end());
  for (const auto& change : request.set_security_groups()) {
    for (const std::string& rule : change.removed_rules()) {
      dirty_.security_groups.insert_rule(change.id(), rule);
    }
    for (const auto& member : change.removed_members()) {
      dirty_.security_groups.insert_member(change.id(), decode(member));
    }
  }
  for (const std::string& id : request.delete_security_groups()) {
    dirty_.security_groups.insert(id);
  }
  for (const auto vni : request.delete_segments()) {
    dirty_.segments.insert(Vni::from_trusted(vni));
  }
}

void Reconciler::announce_resolved() {
  if (!connected_) {
    return;
  }
  for (const std::string& id : store_.take_resolved()) {
    const Subnet* subnet = store_.find_subnet(id);
    if (subnet != nullptr && subnet->vni != Vni{}) {
      events_.add(
          v1::Event::INFO, "subnet_resolved",
          fmt::format("subnet {} has VNI {} now: what waited for it is programmed ({} ports, "
                      "{} neighbors, {} DHCP bindings, {} routers)",
                      printable(id), subnet->vni.number(), subnet->ports.size(),
                      subnet->neighbors.size(), subnet->dhcp.size(), subnet->routers.size()));
    }
  }
}

}  // namespace alkaid::agent
