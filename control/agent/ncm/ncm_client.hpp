// RequestGoalStates over gRPC.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include <grpcpp/grpcpp.h>

#include "alcor/schema/goalstateprovisioner.grpc.pb.h"
#include "control/agent/ncm/ncm.hpp"
#include "control/agent/ncm/ncm_config.hpp"
#include "control/agent/ncm/ncm_outage.hpp"
#include "control/agent/server/event_log.hpp"
#include "control/common/tls/reloading_channel.hpp"

namespace alkaid::agent {

class NcmClient final : public Ncm {
 public:
  // The connection is made when it is first needed, and again when it is lost or its certificates
  // were replaced. Outages are told to `events`, which must outlive this. Null with an error that
  // names the flag or file if the files are no good.
  static std::unique_ptr<NcmClient> make(const NcmConfig& config, EventLog& events,
                                         std::string& error);
  // Cancels what is under way and waits for it.
  ~NcmClient() override;
  NcmClient(const NcmClient&) = delete;
  NcmClient& operator=(const NcmClient&) = delete;

  void request(alcor::schema::HostRequest request, std::chrono::milliseconds deadline,
               std::function<void(NcmAnswer)> done) override;

 private:
  struct Call;

  using Stub = alcor::schema::GoalStateProvisioner::Stub;

  NcmClient(const NcmConfig& config, EventLog& events);
  std::shared_ptr<Stub> stub();

  NcmOutage outage_;
  std::unique_ptr<ReloadingChannel> connection_;
  std::mutex mutex_;
  std::shared_ptr<grpc::Channel> channel_;  // of stub_
  std::shared_ptr<Stub> stub_;
  std::condition_variable idle_;
  std::set<Call*> calls_;
};

}  // namespace alkaid::agent
