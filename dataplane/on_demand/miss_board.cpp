#include "dataplane/on_demand/miss_board.hpp"

#include <algorithm>
#include <random>
#include <utility>

namespace alkaid {
namespace {

std::uint64_t random_number() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device() | 1;
}

}  // namespace

MissBoard::MissBoard(std::size_t most, std::chrono::milliseconds lifetime)
    : most_(most), lifetime_(lifetime), pending_(16, Hash{random_number()}) {}

std::optional<std::uint64_t> MissBoard::raise(const AwaitedAddress& address, const Place& place,
                                              Clock::time_point now) {
  const auto found = pending_.find(address);
  if (found == pending_.end()) {
    if (pending_.size() >= most_) {
      return std::nullopt;
    }
    const std::uint64_t id = ++last_id_;
    pending_.emplace(address, Pending{id, now, now, {place}});
    by_id_.emplace(id, address);
    due_.push_back({now + lifetime_, address});
    return id;
  }
  Pending& pending = found->second;
  pending.raised = now;
  if (std::find(pending.places.begin(), pending.places.end(), place) == pending.places.end()) {
    pending.places.push_back(place);
  }
  if (now - pending.told < lifetime_) {
    return std::nullopt;
  }
  // Whoever was told has had all the time that packets wait: what came of it is not known.
  pending.told = now;
  return pending.id;
}

MissBoard::Taken MissBoard::take(const AwaitedAddress& address) {
  const auto found = pending_.find(address);
  if (found == pending_.end()) {
    return {};
  }
  Taken taken{found->second.id, std::move(found->second.places)};
  by_id_.erase(found->second.id);
  pending_.erase(found);
  return taken;
}

std::optional<AwaitedAddress> MissBoard::find(std::uint64_t id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? std::nullopt : std::optional{found->second};
}

void MissBoard::expire(Clock::time_point now) {
  while (!due_.empty() && due_.front().time <= now) {
    const Due due = std::move(due_.front());
    due_.pop_front();
    const auto found = pending_.find(due.address);
    if (found == pending_.end()) {
      continue;
    }
    if (found->second.raised + lifetime_ <= now) {
      take(due.address);
    } else {
      due_.push_back({found->second.raised + lifetime_, due.address});
    }
  }
}

void MissBoard::clear() {
  pending_.clear();
  by_id_.clear();
  due_.clear();
}

}  // namespace alkaid
