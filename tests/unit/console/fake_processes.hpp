// A data plane and an agent of our own on the sockets of a run directory that lives as long as the
// test.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "alkaid/agent/v1/agent.grpc.pb.h"
#include "alkaid/dataplane/v1/dataplane.grpc.pb.h"
#include "alkaid/dataplane/v1/offload.grpc.pb.h"
#include "control/common/instance.hpp"

namespace alkaid::console {

inline void set_ipv4(dataplane::v1::IpAddress* address, std::uint32_t number) {
  address->set_low(0xffff00000000ULL | number);
}

class FakePlacement : public dataplane::v1::Placement::Service {
 public:
  grpc::Status MovePort(grpc::ServerContext* /*context*/,
                        const dataplane::v1::MovePortRequest* request,
                        dataplane::v1::MovePortResponse* /*reply*/) override {
    move_request = *request;
    return request->worker() < 2
               ? grpc::Status::OK
               : grpc::Status{grpc::StatusCode::INVALID_ARGUMENT, "there are two"};
  }

  grpc::Status SetWorker(grpc::ServerContext* /*context*/,
                         const dataplane::v1::SetWorkerRequest* request,
                         dataplane::v1::SetWorkerResponse* /*reply*/) override {
    worker_request = *request;
    is_resting = !request->active();
    return grpc::Status::OK;
  }

  grpc::Status GetPlacement(grpc::ServerContext* /*context*/,
                            const dataplane::v1::GetPlacementRequest* /*request*/,
                            dataplane::v1::GetPlacementResponse* reply) override {
    if (is_old) {
      return {grpc::StatusCode::UNIMPLEMENTED, ""};
    }
    if (is_resting) {
      reply->add_resting(worker_request.worker());
    }
    return grpc::Status::OK;
  }

  dataplane::v1::MovePortRequest move_request;
  dataplane::v1::SetWorkerRequest worker_request;
  bool is_resting = false;
  bool is_old = false;  // knows nothing of it
};

class FakeOffload : public dataplane::v1::Offload::Service {
 public:
  grpc::Status ShowOffload(grpc::ServerContext* /*context*/,
                           const dataplane::v1::ShowOffloadRequest* /*request*/,
                           dataplane::v1::ShowOffloadResponse* reply) override {
    reply->set_on(is_on);
    return grpc::Status::OK;
  }
  grpc::Status SetOffload(grpc::ServerContext* /*context*/,
                          const dataplane::v1::SetOffloadRequest* request,
                          dataplane::v1::SetOffloadResponse* /*reply*/) override {
    is_on = request->on();
    return grpc::Status::OK;
  }

  bool is_on = true;
};

class FakeDataplane : public dataplane::v1::Dataplane::Service {
 public:
  bool refuse = false;

  grpc::Status GetInfo(grpc::ServerContext* /*context*/, const dataplane::v1::GetInfoRequest*,
                       dataplane::v1::GetInfoResponse* reply) override {
    reply->set_version("9.9");
    reply->set_instance(0xfedcba9876543210ULL);
    reply->set_operations(42);
    reply->set_uptime_microseconds(93'784'000'000);
    reply->set_session_client("alkaid-agent");
    set_ipv4(reply->add_vteps(), 0x0a000001);
    return grpc::Status::OK;
  }

  grpc::Status ShowWorkers(grpc::ServerContext* /*context*/,
                           const dataplane::v1::ShowWorkersRequest* /*request*/,
                           dataplane::v1::ShowWorkersResponse* reply) override {
    reply->add_workers()->set_worker(0);
    reply->add_workers()->set_worker(1);
    return grpc::Status::OK;
  }

  grpc::Status ShowPorts(grpc::ServerContext* /*context*/,
                         const dataplane::v1::ShowPortsRequest* request,
                         dataplane::v1::ShowPortsResponse* reply) override {
    if (refuse) {
      return {grpc::StatusCode::INTERNAL, "no\x1b luck"};
    }
    for (const std::string id : {"green-1", "red-1"}) {
      if (!request->id().empty() && request->id() != id) {
        continue;
      }
      auto* port = reply->add_ports();
      port->set_id(id);
      port->set_device("af_packet:tap" + id);
      port->set_rx_packets(11);
      port->mutable_status()->set_state(dataplane::v1::ATTACHED);
      port->mutable_config()->set_vni(1001);
      port->mutable_config()->set_mac(0x020000000111);
      port->mutable_config()->set_admin_up(id == "green-1");
      port->mutable_config()->set_id(id);
      port->mutable_config()->add_security_groups("web");
      port->mutable_config()->add_security_groups("late");
      port->mutable_config()->set_policy_enforced(id == "green-1");
      set_ipv4(port->mutable_config()->add_fixed_ips(), 0x0a01000b);
      port->add_workers(1);
    }
    return grpc::Status::OK;
  }

  grpc::Status ShowDrops(grpc::ServerContext* /*context*/,
                         const dataplane::v1::ShowDropsRequest* request,
                         dataplane::v1::ShowDropsResponse* reply) override {
    const auto add = [&](const char* port, std::uint64_t packets) {
      if ((packets != 0 || request->include_zero()) &&
          (request->port().empty() || request->port() == port)) {
        auto* drop = reply->add_drops();
        drop->set_port(port);
        drop->set_reason("unknown_vni");
        drop->set_description("no segment has this VNI");
        drop->set_packets(packets);
      }
    };
    add("green-1", 3);
    add("red-1", 0);
    return grpc::Status::OK;
  }

  grpc::Status Read(grpc::ServerContext* /*context*/, const dataplane::v1::ReadRequest* request,
                    grpc::ServerWriter<dataplane::v1::ReadResponse>* writer) override {
    for (const int kind : request->kinds()) {
      dataplane::v1::ReadResponse reply;
      if (kind == dataplane::v1::NEIGHBOR) {
        for (const std::uint32_t vni : {1001U, 1002U}) {
          if (request->vni() != 0 && request->vni() != vni) {
            continue;
          }
          auto* batch = reply.mutable_neighbors();
          batch->add_vni(vni);
          batch->add_ip_high(0);
          batch->add_ip_low(0xffff00000000ULL | (0x0a01000c + (vni - 1001) * 0x10000));
          batch->add_mac(0x020000000112);
          batch->add_vtep_high(0);
          batch->add_vtep_low(0xffff0a000002ULL);
        }
        // A row that is cut off must not be shown, nor read beyond.
        reply.mutable_neighbors()->add_vni(7);
      } else if (kind == dataplane::v1::SEGMENT) {
        reply.add_segments()->set_vni(1001);
      } else if (kind == dataplane::v1::ROUTE) {
        for (const std::uint64_t table : {5U, 6U}) {
          auto* route = reply.add_routes();
          route->mutable_key()->set_table(table);
          set_ipv4(route->mutable_key()->mutable_prefix()->mutable_address(), 0x0a010000);
          route->mutable_key()->mutable_prefix()->set_length(24);
          route->set_connected_vni(1001);
        }
      } else if (kind == dataplane::v1::DHCP_BINDING) {
        auto* binding = reply.add_dhcp_bindings();
        binding->mutable_key()->set_vni(1001);
        binding->mutable_key()->set_mac(0x020000000111);
        set_ipv4(binding->mutable_ipv4(), 0x0a01000b);
        binding->set_host_name("evil\x1b[2J");
      }
      writer->Write(reply);
    }
    return grpc::Status::OK;
  }

  grpc::Status ShowConnections(
      grpc::ServerContext* /*context*/, const dataplane::v1::ShowConnectionsRequest* request,
      grpc::ServerWriter<dataplane::v1::ShowConnectionsResponse>* writer) override {
    connections_request = *request;
    for (const std::uint32_t protocol : {6U, 1U}) {
      dataplane::v1::ShowConnectionsResponse batch;
      auto* connection = batch.add_connections();
      connection->set_protocol(protocol);
      connection->set_state(protocol == 6 ? "established" : "two_way");
      connection->set_age_milliseconds(5000);
      connection->set_timeout_milliseconds(3'600'000);
      connection->set_egress_rule("web/out");
      auto* original = connection->mutable_original();
      original->set_vni(1001);
      set_ipv4(original->mutable_source(), 0x0a01000b);
      set_ipv4(original->mutable_destination(), 0x0a01000c);
      original->set_source_port(4242);
      original->set_destination_port(protocol == 6 ? 80 : 8);
      original->set_ingress("green-1");
      original->set_packets(5);
      original->set_bytes(500);
      auto* reply = connection->mutable_reply();
      reply->set_vni(1001);
      reply->set_packets(4);
      reply->set_bytes(4000);
      reply->set_idle_milliseconds(12);
      original->set_idle_milliseconds(15);
      writer->Write(batch);
    }
    return grpc::Status::OK;
  }

  grpc::Status ShowConnectionSummary(grpc::ServerContext* /*context*/,
                                     const dataplane::v1::ShowConnectionSummaryRequest*,
                                     dataplane::v1::ShowConnectionSummaryResponse* reply) override {
    auto* table = reply->add_tables();
    table->set_family("IPv4");
    table->set_used(250);
    table->set_capacity(1000);
    table->set_created(300);
    table->set_expired(50);
    auto* count = reply->add_states();
    count->set_protocol(6);
    count->set_state("established");
    count->set_connections(250);
    auto* timeout = reply->add_timeouts();
    timeout->set_name("udp_one_way");
    timeout->set_seconds(udp_timeout);
    timeout->set_default_seconds(30);
    reply->set_fast_path(true);
    return grpc::Status::OK;
  }

  grpc::Status FlushConnections(grpc::ServerContext* /*context*/,
                                const dataplane::v1::FlushConnectionsRequest* request,
                                dataplane::v1::FlushConnectionsResponse* reply) override {
    flush_request = *request;
    reply->set_flushed(7);
    return grpc::Status::OK;
  }

  grpc::Status SetConnectionTimeouts(grpc::ServerContext* /*context*/,
                                     const dataplane::v1::SetConnectionTimeoutsRequest* request,
                                     dataplane::v1::SetConnectionTimeoutsResponse*) override {
    if (request->timeouts_size() != 1 || request->timeouts(0).name() != "udp_one_way") {
      return {grpc::StatusCode::INVALID_ARGUMENT, "there is udp_one_way"};
    }
    udp_timeout = request->timeouts(0).seconds();
    return grpc::Status::OK;
  }

  grpc::Status ShowSecurityGroups(grpc::ServerContext* /*context*/,
                                  const dataplane::v1::ShowSecurityGroupsRequest* request,
                                  dataplane::v1::ShowSecurityGroupsResponse* reply) override {
    if (!request->id().empty() && request->id() != "web") {
      return grpc::Status::OK;
    }
    auto* group = reply->add_groups();
    group->set_id("web");
    group->add_ports("green-1");
    set_ipv4(group->add_members(), 0x0a01000b);
    const auto add = [&](const char* id, bool ingress, std::uint64_t hits) {
      auto* rule = group->add_rules();
      rule->set_hits(hits);
      rule->mutable_rule()->set_id(id);
      rule->mutable_rule()->set_ingress(ingress);
      return rule->mutable_rule();
    };
    auto* http = add("http", true, 11);
    http->set_protocol(6);
    http->set_port_min(80);
    http->set_port_max(90);
    http->set_remote_group("clients");
    auto* ping = add("ping", true, 2);
    ping->set_protocol(1);
    ping->set_icmp_type(8);
    ping->set_icmp_code(0);
    auto* out = add("out", false, 5);
    set_ipv4(out->mutable_remote_prefix()->mutable_address(), 0x0a000000);
    out->mutable_remote_prefix()->set_length(8);
    return grpc::Status::OK;
  }

  dataplane::v1::ShowConnectionsRequest connections_request;
  dataplane::v1::FlushConnectionsRequest flush_request;
  std::uint32_t udp_timeout = 30;

  grpc::Status Explain(grpc::ServerContext* /*context*/,
                       const dataplane::v1::ExplainRequest* request,
                       dataplane::v1::ExplainResponse* reply) override {
    auto* stage = reply->add_stages();
    stage->set_node("guest-input");
    stage->set_decision("to bridge");
    stage->add_facts("port " + request->port());
    stage->add_facts("ttl " + std::to_string(request->ttl()));
    if (request->inbound()) {
      reply->set_outcome(dataplane::v1::ExplainResponse::DROPPED);
      reply->set_reason("policy_ingress");
    } else {
      reply->set_outcome(dataplane::v1::ExplainResponse::FORWARDED);
      reply->set_frame(std::string{"\x00\xff", 2});
    }
    return grpc::Status::OK;
  }

  grpc::Status ShowDhcp(grpc::ServerContext* /*context*/, const dataplane::v1::ShowDhcpRequest*,
                        dataplane::v1::ShowDhcpResponse* reply) override {
    auto* counter = reply->add_counters();
    counter->set_name("discover");
    counter->set_value(4);
    return grpc::Status::OK;
  }
};

class FakeAgent : public agent::v1::Agent::Service {
 public:
  int remembered = 2;
  bool endless = false;  // goes on without a pause

  grpc::Status GetConfig(grpc::ServerContext* /*context*/, const agent::v1::GetConfigRequest*,
                         agent::v1::GetConfigResponse* reply) override {
    reply->set_version("8.8");
    auto* count = reply->add_resources();
    count->set_type("PORT");
    count->set_wanted(2);
    count->set_applied(1);
    auto* refused = reply->add_refused();
    refused->set_time_microseconds(1'769'860'800'123'456);
    refused->set_resource_id("bad-port");
    refused->set_status("INVALID_ARG");
    refused->set_field("configuration.mac_address");
    refused->set_value("zz:zz");
    return grpc::Status::OK;
  }

  grpc::Status GetGoalState(grpc::ServerContext* /*context*/,
                            const agent::v1::GetGoalStateRequest* request,
                            agent::v1::GetGoalStateResponse* reply) override {
    if (request->type().empty() || request->type() == "ROUTER") {
      auto& rule = *reply->add_routing_rules();
      rule.set_router_id("r1");
      rule.set_id("to-p3");
      rule.set_destination("192.0.2.0/24");
      rule.set_target("via 10.1.0.13");
      rule.set_state("in effect");
    }
    return grpc::Status::OK;
  }

  grpc::Status GetSlices(grpc::ServerContext* /*context*/,
                         const agent::v1::GetSlicesRequest* request,
                         agent::v1::GetSlicesResponse* reply) override {
    if (request->name().empty() || request->name() == "tenant\x1b") {
      auto& slice = *reply->add_slices();
      slice.set_name("tenant\x1b");
      slice.set_version(41);
      slice.set_resources(20);
      slice.set_digest("00ff");
      auto& kind = *slice.add_kinds();
      kind.set_type("NEIGHBOR");
      kind.set_resources(20);
      slice.add_holders()->set_slice("other");
      slice.mutable_holders(0)->set_resources(3);
      slice.add_holders()->set_resources(2);
      slice.set_more_holders(7);
    }
    return grpc::Status::OK;
  }

  grpc::Status WatchEvents(grpc::ServerContext* context, const agent::v1::WatchEventsRequest*,
                           grpc::ServerWriter<agent::v1::Event>* writer) override {
    agent::v1::Event event;
    event.set_kind("port_attached");
    event.set_severity(agent::v1::Event::WARNING);
    for (int i = 0; i < remembered || (endless && !context->IsCancelled()); ++i) {
      if (!writer->Write(event)) {
        break;
      }
    }
    while (!context->IsCancelled()) {
      ::usleep(2000);
    }
    return grpc::Status::CANCELLED;
  }
};

// The directory, and servers to be started in it.
class FakeInstance {
 public:
  FakeInstance() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "alkaid-console-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    instance_ = *Instance::make("test", pattern);
    // With the last user gone the library would stop its threads, which can take it ten seconds.
    static const bool library_stays = (::grpc_init(), true);
    EXPECT_TRUE(library_stays);
  }
  ~FakeInstance() {
    stop(dataplane_server_);
    stop(agent_server_);
    std::filesystem::remove_all(instance_.run_directory);
  }

  void start_dataplane() {
    dataplane_server_ = serve(instance_.dataplane_socket(), {&dataplane, &placement, &offload});
  }
  void start_agent() { agent_server_ = serve(instance_.agent_socket(), {&agent}); }
  void stop_dataplane() { stop(dataplane_server_); }
  [[nodiscard]] const Instance& instance() const { return instance_; }

  FakeDataplane dataplane;
  FakePlacement placement;
  FakeOffload offload;
  FakeAgent agent;

 private:
  static std::unique_ptr<grpc::Server> serve(const std::string& socket,
                                             std::initializer_list<grpc::Service*> services) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials());
    for (grpc::Service* service : services) {
      builder.RegisterService(service);
    }
    return builder.BuildAndStart();
  }
  static void stop(std::unique_ptr<grpc::Server>& server) {
    if (server != nullptr) {
      server->Shutdown(std::chrono::system_clock::now());
      server.reset();
    }
  }

  Instance instance_;
  std::unique_ptr<grpc::Server> dataplane_server_;
  std::unique_ptr<grpc::Server> agent_server_;
};

}  // namespace alkaid::console
