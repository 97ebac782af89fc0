// What the agent asks of a Network Config Manager.
#pragma once

#include <chrono>
#include <functional>

#include <grpcpp/support/status.h>

#include "alcor/schema/goalstateprovisioner.pb.h"

namespace alkaid::agent {

struct NcmAnswer {
  grpc::Status status;
  alcor::schema::HostRequestReply reply;
};

class Ncm {
 public:
  virtual ~Ncm() = default;

  // Any thread; does not wait. done: called once, on another thread, which must not be blocked. A
  // manager pushes what was asked for before it answers, afterwards or never; SUCCESS does not mean
  // that it did.
  virtual void request(alcor::schema::HostRequest request, std::chrono::milliseconds deadline,
                       std::function<void(NcmAnswer)> done) = 0;
};

}  // namespace alkaid::agent
