#include "control/agent/on_demand/requester.hpp"

#include <algorithm>
#include <random>

#include <fmt/format.h>

namespace alkaid::agent {
namespace {

namespace schema = alcor::schema;

constexpr std::uint32_t kFormatVersion = 1;
constexpr std::uint32_t kEtherTypeArp = 0x0806;
constexpr std::uint32_t kEtherTypeIpv6 = 0x86dd;
constexpr std::uint32_t kUdp = 17;
constexpr std::uint32_t kIcmp = 1;
constexpr std::uint32_t kIcmpv6 = 58;

std::uint64_t random_number() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

IpAddress decode(const dataplane::v1::IpAddress& address) {
  return IpAddress::from_numbers(address.high(), address.low());
}

schema::Protocol protocol_of(const dataplane::v1::Miss& miss) {
  if (miss.ether_type() == kEtherTypeArp) {
    return schema::ARP;
  }
  switch (miss.protocol()) {
    case kUdp:
      return schema::UDP;
    case kIcmp:
    case kIcmpv6:
      return schema::ICMP;
    default:
      return schema::TCP;  // the schema has no other
  }
}

schema::HostRequest::ResourceStateRequest describe(const dataplane::v1::Miss& miss) {
  schema::HostRequest::ResourceStateRequest request;
  request.set_request_type(schema::ON_DEMAND);
  request.set_tunnel_id(miss.source_vni());
  request.set_source_ip(decode(miss.source()).to_string());
  request.set_source_port(miss.source_port());
  request.set_destination_ip(decode(miss.address()).to_string());
  request.set_destination_port(miss.destination_port());
  request.set_ethertype(miss.ether_type() == kEtherTypeIpv6 ? schema::IPV6 : schema::IPV4);
  request.set_protocol(protocol_of(miss));
  return request;
}

}  // namespace

Requester::Requester(RequesterSettings settings)
    : settings_(settings),
      limit_(settings.fewest_calls, settings.most_calls),
      id_prefix_(random_number()) {}

// In the form of a random UUID, as ACA's ids are.
std::string Requester::next_id() {
  return fmt::format("{:08x}-{:04x}-4{:03x}-8000-{:012x}", id_prefix_ >> 32,
                     (id_prefix_ >> 16) & 0xffff, id_prefix_ & 0xfff, ++last_id_);
}

void Requester::missed(const dataplane::v1::Miss& miss, Time now) {
  const NeighborKey key{decode(miss.address()), Vni::from_trusted(miss.vni())};
  auto found = questions_.find(key);
  if (found == questions_.end()) {
    if (questions_.size() >= settings_.most_questions) {
      ++counts_.silenced;
      ended_.push_back(miss.id());
      return;
    }
    found = questions_.emplace(key, Question{}).first;
    found->second.request = describe(miss);
    queue(key, found->second, now);
  }
  Question& question = found->second;
  if (question.state == State::kSilent) {
    if (!question.has_forgotten) {
      ++counts_.silenced;
      ended_.push_back(miss.id());
      return;
    }
    queue(key, question, now);
  }
  if (by_miss_.emplace(miss.id(), key).second) {
    question.misses.push_back(miss.id());
  }
  question.ports.insert(miss.port());
}

void Requester::queue(const NeighborKey& key, Question& question, Time now) {
  question.state = State::kQueued;
  question.first = now;
  queue_.push_back(key);
}

void Requester::wait_until(const NeighborKey& key, Question& question, State state, Time due) {
  question.state = state;
  question.due = due;
  due_.emplace(due, key);
}

void Requester::end(Question& question) {
  for (const std::uint64_t miss : question.misses) {
    by_miss_.erase(miss);
    ended_.push_back(miss);
  }
  question.misses.clear();
}

void Requester::fall_silent(const NeighborKey& key, Question& question, Time now) {
  end(question);
  question.ports.clear();
  question.has_forgotten = false;
  const auto silence = std::min(settings_.first_silence * (1 << std::min(question.silences, 16)),
                                settings_.longest_silence);
  ++question.silences;
  wait_until(key, question, State::kSilent, now + silence);
}

void Requester::erase(Questions::iterator question) {
  for (const std::uint64_t miss : question->second.misses) {
    by_miss_.erase(miss);
  }
  questions_.erase(question);
}

std::optional<LearntNeighbor> Requester::found(std::uint64_t miss) {
  const auto known = by_miss_.find(miss);
  if (known == by_miss_.end()) {
    return std::nullopt;
  }
  const auto question = questions_.find(known->second);
  LearntNeighbor found{question->first, std::move(question->second.ports)};
  erase(question);
  return found;
}

void Requester::forget_misses() {
  for (auto question = questions_.begin(); question != questions_.end();) {
    const auto next = std::next(question);
    if (question->second.state != State::kSilent) {
      erase(question);
    }
    question = next;
  }
  queue_.clear();
  ended_.clear();
}

bool Requester::may_call() const {
  return calls_.size() < limit_.calls();
}

Requester::Time Requester::next_call_time() const {
  if (backoff_.count() > 0 && !calls_.empty()) {
    return std::max(not_before_, last_sent_ + settings_.call_patience);
  }
  const bool pauses =
      calls_.size() >= settings_.calls_without_pause && queue_.size() < settings_.most_in_call;
  return pauses ? std::max(not_before_, last_sent_ + settings_.pause) : not_before_;
}

std::optional<Requester::Call> Requester::next_call(Time now) {
  if (queue_.empty() || !may_call() || now < next_call_time()) {
    return std::nullopt;
  }
  Call call{++last_call_, {}};
  call.request.set_format_version(kFormatVersion);
  std::vector<NeighborKey> keys;
  while (!queue_.empty() && keys.size() < settings_.most_in_call) {
    const NeighborKey key = queue_.front();
    queue_.pop_front();
    const auto question = questions_.find(key);
    if (question == questions_.end() || question->second.state != State::kQueued) {
      continue;  // its neighbor came by itself
    }
    if (now - question->second.first >= settings_.patience) {
      end(question->second);
      erase(question);
      continue;
    }
    question->second.state = State::kAsked;
    question->second.request.set_request_id(next_id());
    *call.request.add_state_requests() = question->second.request;
    keys.push_back(key);
  }
  if (keys.empty()) {
    return std::nullopt;
  }
  counts_.asked += keys.size();
  ++counts_.calls;
  last_sent_ = now;
  calls_.emplace(call.number, UnderWay{std::move(keys), now});
  return call;
}

void Requester::call_failed(const std::vector<NeighborKey>& keys, Time now) {
  ++counts_.failed;
  backoff_ = backoff_.count() == 0 ? settings_.first_backoff
                                   : std::min(2 * backoff_, settings_.longest_backoff);
  not_before_ = now + backoff_;
  for (const NeighborKey& key : keys) {
    const auto question = questions_.find(key);
    if (question == questions_.end() || question->second.state != State::kAsked) {
      continue;
    }
    if (now - question->second.first >= settings_.patience) {
      end(question->second);
      erase(question);
    } else {
      question->second.state = State::kQueued;
      queue_.push_back(key);
    }
  }
}

void Requester::answered(std::uint64_t number, const NcmAnswer& answer, Time now) {
  const auto call = calls_.find(number);
  if (call == calls_.end()) {
    return;
  }
  const std::vector<NeighborKey> keys = std::move(call->second.keys);
  const Time sent = call->second.sent;
  calls_.erase(call);
  if (!answer.status.ok()) {
    call_failed(keys, now);
    return;
  }
  limit_.answered(now - sent, now);
  backoff_ = std::chrono::milliseconds{0};
  std::unordered_map<std::string_view, schema::OperationStatus> statuses;
  for (const auto& status : answer.reply.operation_statuses()) {
    statuses.emplace(status.request_id(), status.operation_status());
  }
  for (const NeighborKey& key : keys) {
    const auto found = questions_.find(key);
    if (found == questions_.end() || found->second.state != State::kAsked) {
      continue;  // pushed before the answer
    }
    Question& question = found->second;
    const auto status = statuses.find(question.request.request_id());
    if (status != statuses.end() &&
        (status->second == schema::FAILURE || status->second == schema::INVALID_ARG)) {
      ++counts_.refused;
      fall_silent(key, question, now);
    } else {
      wait_until(key, question, State::kAnswered, now + settings_.answer_grace);
    }
  }
}

void Requester::tick(Time now) {
  while (!due_.empty() && due_.begin()->first <= now) {
    const auto [due, key] = *due_.begin();
    due_.erase(due_.begin());
    const auto found = questions_.find(key);
    if (found == questions_.end() || found->second.due != due) {
      continue;
    }
    Question& question = found->second;
    if (question.state == State::kAnswered) {
      ++counts_.unheard;
      fall_silent(key, question, now);
    } else if (question.state == State::kSilent && !question.has_forgotten) {
      // How often it has been silent is remembered for as long again.
      question.has_forgotten = true;
      wait_until(key, question, State::kSilent,
                 now + std::min(settings_.first_silence * (1 << std::min(question.silences, 16)),
                                settings_.longest_silence));
    } else if (question.state == State::kSilent) {
      erase(found);
    }
  }
}

std::optional<Requester::Time> Requester::next_time() const {
  std::optional<Time> next;
  if (!due_.empty()) {
    next = due_.begin()->first;
  }
  if (!queue_.empty() && may_call()) {
    next = next ? std::min(*next, next_call_time()) : next_call_time();
  }
  return next;
}

}  // namespace alkaid::agent
