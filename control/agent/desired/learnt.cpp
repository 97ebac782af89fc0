#include "control/agent/desired/learnt.hpp"

namespace alkaid::agent {

void Learnt::describe(Journal& journal) const {
  for (const auto& [key, entry] : entries_) {
    journal.put_learnt(key, {entry.ports.begin(), entry.ports.end()});
  }
}

void Learnt::learn(const LearntNeighbor& neighbor) {
  Entry& entry = entries_[neighbor.key];
  entry.ports.insert(neighbor.ports.begin(), neighbor.ports.end());
  entry.since = Clock::now();
  journal_->put_learnt(neighbor.key, {entry.ports.begin(), entry.ports.end()});
}

void Learnt::keep_unless_recent(const NeighborKey& key) {
  const auto found = entries_.find(key);
  if (found != entries_.end() && Clock::now() >= found->second.since + kAnswersEnd) {
    entries_.erase(found);
    journal_->erase_learnt(key);
  }
}

bool Learnt::forget(const NeighborKey& key) {
  if (entries_.erase(key) == 0) {
    return false;
  }
  journal_->erase_learnt(key);
  return true;
}

}  // namespace alkaid::agent
