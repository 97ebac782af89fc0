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

namespace alkaid::agent {

class NcmClient final : public Ncm {
 public:
  // The connection is made when it is first needed, and again when it is lost, with the
  // certificates that are in the files by then. Outages are told to `events`, which must outlive
  // this. Null with an error that names the flag or file if the files are no good.
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

  NcmClient(const NcmConfig& config, std::shared_ptr<grpc::ChannelCredentials> credentials,
            EventLog& events);

  NcmOutage outage_;
  std::unique_ptr<alcor::schema::GoalStateProvisioner::Stub> stub_;
  std::mutex mutex_;
  std::condition_variable idle_;
  std::set<Call*> calls_;
};

}  // namespace alkaid::agent
