// Pushes goal states to an agent as Alcor's own clients do.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/security/credentials.h>

#include "alcor/schema/goalstateprovisioner.pb.h"
#include "control/goalstate/goal_state_file.hpp"

namespace alkaid::goalstate {

struct Reply {
  std::string file;
  alcor::schema::GoalStateOperationReply reply;
};

struct PushResult {
  enum class Outcome {
    kAnswered,     // every file has its reply
    kUnreachable,  // no agent there, or it did not answer in time
    kRefused,      // the agent ended the call with an error
  };

  Outcome outcome = Outcome::kAnswered;
  std::vector<Reply> replies;  // also those that came before an error
  std::string error;           // unless kAnswered: what happened and what to check
};

// How the agent is spoken to.
struct Protection {
  std::shared_ptr<grpc::ChannelCredentials> credentials;  // null: plaintext
  std::string server_name;  // that the agent's certificate must have; empty: its address
};

// Pushes files in order and waits for the reply of each before the next is sent: v2 states share
// one PushGoalStatesStream, v1 states are one PushNetworkResourceStates each. `address` is gRPC's
// HOST:PORT; `timeout` bounds the whole call, and an agent that is starting is waited for at most 5
// s.
PushResult push(const std::vector<GoalStateFile>& files, const std::string& address,
                std::chrono::milliseconds timeout, const Protection& protection = {});

}  // namespace alkaid::goalstate
