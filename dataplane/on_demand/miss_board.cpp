#include "dataplane/on_demand/miss_board.hpp"

#include <random>
#include <utility>

namespace alkaid {
namespace {

// Due times of what is over that are kept in any case.
constexpr std::size_t kMostSpare = 1024;

std::uint64_t random_number() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device() | 1;
}

}  // namespace

MissBoard::MissBoard(std::size_t most, std::chrono::milliseconds lifetime)
    : most_(most), lifetime_(lifetime), pending_(16, Hash{random_number()}) {}

bool MissBoard::raise(const RaisedMiss& miss, unsigned worker, Clock::time_point now) {
  const AwaitedAddress& address = miss.key.address;
  auto found = pending_.find(address);
  const bool is_new = found == pending_.end();
  if (is_new) {
    if (pending_.size() >= most_) {
      return false;
    }
    const std::uint64_t id = ++last_id_;
    found = pending_.emplace(address, Pending{.id = id}).first;
    by_id_.emplace(id, address);
    due_.push_back({now + lifetime_, id});
  }
  Pending& pending = found->second;
  pending.miss = miss;
  const bool is_new_place = pending.places.insert_or_assign({worker, miss.key.waiter}, now).second;
  // Who begins to wait for the second time has waited in vain: what came of the question is not
  // known. Neither is it when everybody who waited then is gone.
  if (is_new || !is_new_place || now - pending.told >= lifetime_) {
    untold_.insert(pending.id);
  }
  return true;
}

std::vector<MissBoard::Untold> MissBoard::take_untold(std::size_t most, Clock::time_point now) {
  std::vector<Untold> untold;
  while (!untold_.empty() && untold.size() < most) {
    const std::uint64_t id = untold_.extract(untold_.begin()).value();
    Pending& pending = pending_.at(by_id_.at(id));
    pending.told = now;
    untold.push_back({id, pending.miss});
  }
  return untold;
}

void MissBoard::tell_all_again() {
  for (const auto& [address, pending] : pending_) {
    untold_.insert(pending.id);
  }
}

MissBoard::Taken MissBoard::take(const AwaitedAddress& address) {
  const auto found = pending_.find(address);
  if (found == pending_.end()) {
    return {};
  }
  Taken taken{.id = found->second.id};
  for (const auto& [place, since] : found->second.places) {
    taken.places.push_back(place);
  }
  untold_.erase(taken.id);
  by_id_.erase(taken.id);
  pending_.erase(found);
  if (due_.size() > 2 * pending_.size() + kMostSpare) {
    std::erase_if(due_, [this](const Due& due) { return !by_id_.contains(due.id); });
  }
  return taken;
}

std::uint64_t MissBoard::id_of(const AwaitedAddress& address) const {
  const auto found = pending_.find(address);
  return found == pending_.end() ? 0 : found->second.id;
}

std::optional<AwaitedAddress> MissBoard::find(std::uint64_t id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? std::nullopt : std::optional{found->second};
}

void MissBoard::expire(Clock::time_point now) {
  while (!due_.empty() && due_.front().time <= now) {
    const std::uint64_t id = due_.front().id;
    due_.pop_front();
    const auto address = find(id);
    if (!address) {
      continue;
    }
    auto& places = pending_.at(*address).places;
    std::erase_if(places, [&](const auto& place) { return place.second + lifetime_ <= now; });
    if (places.empty()) {
      take(*address);
    } else {
      due_.push_back({now + lifetime_, id});
    }
  }
}

}  // namespace alkaid
