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

namespace alkaid::agent {

class NcmClient final : public Ncm {
 public:
  // address: HOST:PORT. The connection is made when it is first needed, and again when it is lost.
  NcmClient(const std::string& address, std::shared_ptr<grpc::ChannelCredentials> credentials);
  // Cancels what is under way and waits for it.
  ~NcmClient() override;
  NcmClient(const NcmClient&) = delete;
  NcmClient& operator=(const NcmClient&) = delete;

  void request(alcor::schema::HostRequest request, std::chrono::milliseconds deadline,
               std::function<void(NcmAnswer)> done) override;

 private:
  struct Call;

  std::unique_ptr<alcor::schema::GoalStateProvisioner::Stub> stub_;
  std::mutex mutex_;
  std::condition_variable idle_;
  std::set<Call*> calls_;
};

}  // namespace alkaid::agent
