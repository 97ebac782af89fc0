// The console's connections to the data plane and the agent of one instance.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <grpcpp/grpcpp.h>

#include "alkaid/agent/v1/agent.grpc.pb.h"
#include "alkaid/dataplane/v1/dataplane.grpc.pb.h"
#include "alkaid/dataplane/v1/offload.grpc.pb.h"
#include "alkaid/dataplane/v1/placement.grpc.pb.h"
#include "alkaid/dataplane/v1/vhost.grpc.pb.h"
#include "alkaid/dataplane/v1/xdp.grpc.pb.h"
#include "control/common/instance.hpp"
#include "control/console/display.hpp"

namespace alkaid::console {

// Calls wait at most this long; both processes are on this machine and answer at once.
inline constexpr std::chrono::seconds kCallTimeout{10};
// Of calls that read whole tables.
inline constexpr std::chrono::seconds kReadTimeout{120};

// Not thread safe. Connects with the first call, and anew after a process was away.
class Clients {
 public:
  using DataplaneStub = dataplane::v1::Dataplane::Stub;
  using PlacementStub = dataplane::v1::Placement::Stub;
  using VhostStub = dataplane::v1::Vhost::Stub;
  using XdpStub = dataplane::v1::Xdp::Stub;
  using OffloadStub = dataplane::v1::Offload::Stub;
  using AgentStub = agent::v1::Agent::Stub;

  explicit Clients(Instance instance) : instance_(std::move(instance)) {}

  // Runs one call, for example
  //   call_dataplane([&](auto& stub, auto* context) { return stub.GetInfo(context, request,
  //   &reply); })
  // and returns what went wrong.
  std::optional<Failure> call_dataplane(
      const std::function<grpc::Status(DataplaneStub&, grpc::ClientContext*)>& call,
      std::chrono::milliseconds timeout = kCallTimeout);
  // These ask the data plane, too.
  std::optional<Failure> call_placement(
      const std::function<grpc::Status(PlacementStub&, grpc::ClientContext*)>& call,
      std::chrono::milliseconds timeout = kCallTimeout);
  std::optional<Failure> call_vhost(
      const std::function<grpc::Status(VhostStub&, grpc::ClientContext*)>& call,
      std::chrono::milliseconds timeout = kCallTimeout);
  std::optional<Failure> call_xdp(
      const std::function<grpc::Status(XdpStub&, grpc::ClientContext*)>& call,
      std::chrono::milliseconds timeout = kCallTimeout);
  std::optional<Failure> call_offload(
      const std::function<grpc::Status(OffloadStub&, grpc::ClientContext*)>& call,
      std::chrono::milliseconds timeout = kCallTimeout);

  std::optional<Failure> call_agent(
      const std::function<grpc::Status(AgentStub&, grpc::ClientContext*)>& call,
      std::chrono::milliseconds timeout = kCallTimeout);

  [[nodiscard]] const Instance& instance() const { return instance_; }

 private:
  Instance instance_;
  std::unique_ptr<DataplaneStub> dataplane_;
  std::unique_ptr<PlacementStub> placement_;
  std::unique_ptr<VhostStub> vhost_;
  std::unique_ptr<XdpStub> xdp_;
  std::unique_ptr<OffloadStub> offload_;
  std::unique_ptr<AgentStub> agent_;
};

}  // namespace alkaid::console
