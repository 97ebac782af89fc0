// Which questions are put to the Network Config Manager, and when; without threads, clocks and
// connections of its own. Design: docs/design/on-demand.md.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "alcor/schema/goalstateprovisioner.pb.h"
#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "control/agent/desired/learnt.hpp"
#include "control/agent/ncm/ncm.hpp"
#include "control/agent/on_demand/call_limit.hpp"
#include "control/agent/reconcile/objects.hpp"

namespace alkaid::agent {

struct RequesterSettings {
  std::chrono::milliseconds patience{2000};       // as long as packets wait
  std::chrono::milliseconds call_deadline{5000};  // of one call
  std::chrono::milliseconds answer_grace{1000};   // for what comes after its answer
  // How long nobody is asked again about what the manager does not know; doubles.
  std::chrono::milliseconds first_silence{1000};
  std::chrono::milliseconds longest_silence{30000};
  // To a manager that fails goes one call at a time, and another one whenever the last one has not
  // been answered for so long: times fewest_calls it is more than the deadline of a call.
  std::chrono::milliseconds call_patience{700};
  // Between calls to a manager that fails; doubles.
  std::chrono::milliseconds first_backoff{50};
  std::chrono::milliseconds longest_backoff{5000};
  std::size_t most_questions = 65536;
  std::size_t most_in_call = 512;  // questions
  std::size_t most_calls = 1024;   // at once, to a manager that answers none of them later for it
  std::size_t fewest_calls = 8;    // at once, however late it answers
  // Beyond so many calls at once there is a pause after each, in which questions gather.
  std::size_t calls_without_pause = 1;
  std::chrono::microseconds pause{500};
};

// One thread's.
class Requester {
 public:
  using Clock = std::chrono::steady_clock;
  using Time = Clock::time_point;

  struct Call {
    std::uint64_t number = 0;
    alcor::schema::HostRequest request;
  };
  struct Counts {
    std::uint64_t asked = 0;     // questions, repeated ones too
    std::uint64_t calls = 0;     //
    std::uint64_t failed = 0;    // calls
    std::uint64_t refused = 0;   // questions: the manager does not know the destination
    std::uint64_t unheard = 0;   // questions that were answered, and nothing came
    std::uint64_t silenced = 0;  // misses that were not asked about: negative cache, too many
  };

  explicit Requester(RequesterSettings settings);

  // A destination is missing.
  void missed(const dataplane::v1::Miss& miss, Time now);
  // The neighbor of a miss has come. None: nobody asked for it.
  std::optional<LearntNeighbor> found(std::uint64_t miss);
  // Misses of the data plane so far mean nothing any more.
  void forget_misses();

  // What to send now; none: nothing, until next_time() or something happens.
  std::optional<Call> next_call(Time now);
  void answered(std::uint64_t call, const NcmAnswer& answer, Time now);

  // Time passes.
  void tick(Time now);
  [[nodiscard]] std::optional<Time> next_time() const;

  // Misses that nobody will answer.
  std::vector<std::uint64_t> take_ended() { return std::exchange(ended_, {}); }

  [[nodiscard]] std::size_t questions() const { return questions_.size(); }
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  enum class State : std::uint8_t {
    kQueued,
    kAsked,     // part of a call under way
    kAnswered,  // the manager said yes; the neighbor has not come
    kSilent,    // not asked about for a while
  };
  struct Question {
    State state = State::kQueued;
    Time first;                  // miss
    Time due;                    // of kAnswered, kSilent: when that ends
    bool has_forgotten = false;  // kSilent: and asked about if it is missed again
    int silences = 0;
    std::vector<std::uint64_t> misses;
    std::set<std::string> ports;
    alcor::schema::HostRequest::ResourceStateRequest request;
  };
  using Questions = std::unordered_map<NeighborKey, Question>;

  void queue(const NeighborKey& key, Question& question, Time now);
  void wait_until(const NeighborKey& key, Question& question, State state, Time due);
  void fall_silent(const NeighborKey& key, Question& question, Time now);
  void end(Question& question);
  void erase(Questions::iterator question);
  void call_failed(const std::vector<NeighborKey>& keys, Time now);
  std::string next_id();
  // When the next call may be sent, unless there are too many.
  [[nodiscard]] Time next_call_time() const;
  [[nodiscard]] bool may_call() const;

  const RequesterSettings settings_;
  Questions questions_;
  std::unordered_map<std::uint64_t, NeighborKey> by_miss_;
  std::deque<NeighborKey> queue_;
  struct UnderWay {
    std::vector<NeighborKey> keys;
    Time sent;
  };
  std::unordered_map<std::uint64_t, UnderWay> calls_;
  CallLimit limit_;
  std::multimap<Time, NeighborKey> due_;  // some have another state by then
  std::vector<std::uint64_t> ended_;
  Time not_before_;                       // for calls
  std::chrono::milliseconds backoff_{0};  // 0: the last call succeeded
  Time last_sent_;
  std::uint64_t last_call_ = 0;
  std::uint64_t last_id_ = 0;
  const std::uint64_t id_prefix_;
  Counts counts_;
};

}  // namespace alkaid::agent
