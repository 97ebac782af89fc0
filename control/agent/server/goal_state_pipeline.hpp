// From received bytes to the reply's bytes: parse, decode, reconcile, answer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>

#include <grpcpp/support/byte_buffer.h>

#include "control/agent/goal_state/decoder.hpp"
#include "control/agent/port_attach.hpp"
#include "control/agent/reconcile/reconciler_thread.hpp"
#include "control/agent/server/decode_pool.hpp"
#include "control/agent/server/large_message_gate.hpp"
#include "control/agent/server/message_parts.hpp"
#include "control/agent/server/resource_budget.hpp"

namespace alkaid::agent {

enum class GoalStateFormat { kV1, kV2, kNeighborRules };

class GoalStatePipeline {
 public:
  GoalStatePipeline(ReconcilerThread& reconciler, PortAttach port_attach)
      : reconciler_(reconciler), port_attach_(std::move(port_attach)), pool_(kDecodeThreads) {}

  // Any thread; returns soon. sender: whose messages take effect in their order. submitted: the
  // message is in the reconciler's queue, the next one of the same sender may follow; done: the
  // reply. Both are called once, submitted first, on threads that must not be blocked; neither if
  // the agent stops before.
  void handle(GoalStateFormat format, const void* sender, grpc::ByteBuffer message,
              std::function<void()> submitted, std::function<void(grpc::ByteBuffer)> done);

  void stop() { pool_.stop(); }

  // How many resources a message of so many bytes may hold. One of the default limit holds as many
  // neighbors as fit into it; empty ones, which take far more memory than bytes, are fewer.
  static constexpr std::size_t most_resources(std::size_t bytes) {
    return std::max(kMostSmallResources, bytes / kLeastUsualBytes);
  }

 private:
  static constexpr std::size_t kDecodeThreads = 2;
  static constexpr std::size_t kMostSmallResources =
      2000000;                                         // of one message, whatever their size
  static constexpr std::size_t kLeastUsualBytes = 64;  // of a neighbor with short names
  // Of all messages that are worked at; a larger message is alone.
  static constexpr std::size_t kMostAtOnce = 400000;
  // Neighbors of a large message that are decoded together: few enough that the next stages start
  // soon, enough to share what handing them over costs.
  static constexpr std::size_t kFewestParts = 16;
  static constexpr std::size_t kSmallestPart = 512;
  static constexpr std::size_t kLargestPart = 4096;
  // Smaller messages are decoded at once: handing them over would cost more.
  static constexpr std::size_t kSmallMessage = 64U << 10;
  // Larger ones wait for each other: decoded they take several times as much.
  static constexpr std::size_t kLargeMessage = 16U << 20;

  // Has the message's neighbors decoded by the pool, in parts. False: it is no such message.
  bool decode_parts(GoalStateFormat format, MessageParts parts, const DecodeContext& context,
                    GoalStateTask& task);
  void process(GoalStateFormat format, const void* sender, grpc::ByteBuffer message,
               std::chrono::steady_clock::time_point received, std::function<void()> submitted,
               std::function<void(grpc::ByteBuffer)> done);

  ReconcilerThread& reconciler_;
  const PortAttach port_attach_;
  ResourceBudget budget_{kMostAtOnce};
  LargeMessageGate large_messages_;
  DecodePool pool_;
};

}  // namespace alkaid::agent
