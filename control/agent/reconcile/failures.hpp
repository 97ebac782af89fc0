// Objects that the data plane refused or had no room for.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "control/agent/reconcile/objects.hpp"

namespace alkaid::agent {

namespace api = ::alkaid::dataplane::v1;

struct Failure {
  api::ErrorCode code = api::ERROR_CODE_UNSPECIFIED;
  bool is_delete = false;
  std::string field;
  std::string message;

  // Will it be tried again without anyone asking?
  [[nodiscard]] bool is_retried() const { return code != api::INVALID || is_delete; }
};

// The failures of one table's objects by key.
template <class Key>
class FailureTable {
 public:
  using Map = std::unordered_map<Key, Failure>;

  [[nodiscard]] bool empty() const { return map_.empty(); }
  [[nodiscard]] std::size_t size() const { return map_.size(); }
  [[nodiscard]] auto begin() const { return map_.begin(); }
  [[nodiscard]] auto end() const { return map_.end(); }
  [[nodiscard]] auto find(const Key& key) const { return map_.find(key); }
  // How many of them found no room.
  [[nodiscard]] std::size_t without_room() const { return without_room_; }

  void note(const Key& key, Failure failure) {
    erase(key);
    without_room_ += failure.code == api::TABLE_FULL ? 1 : 0;
    map_.emplace(key, std::move(failure));
  }

  void erase(const Key& key) {
    const auto found = map_.find(key);
    if (found != map_.end()) {
      without_room_ -= found->second.code == api::TABLE_FULL ? 1 : 0;
      map_.erase(found);
    }
  }

  // Marks up to `most` (a few more) of those that are tried again, beginning where the last call
  // ended, so that none that fails for good keeps the others from their turn.
  template <class Marks>
  std::size_t mark_retries(std::size_t most, Marks& marks) {
    std::size_t marked = 0;
    const std::size_t buckets = map_.bucket_count();
    for (std::size_t i = 0; i < buckets && marked < most && !map_.empty(); ++i) {
      next_bucket_ = (next_bucket_ + 1) % buckets;
      for (auto entry = map_.begin(next_bucket_); entry != map_.end(next_bucket_); ++entry) {
        if (entry->second.is_retried()) {
          marks.insert(entry->first);
          ++marked;
        }
      }
    }
    return marked;
  }

 private:
  Map map_;
  std::size_t without_room_ = 0;
  std::size_t next_bucket_ = 0;
};

struct Failures {
  FailureTable<Vni> segments;
  FailureTable<std::string> ports;
  FailureTable<NeighborKey> neighbors;
  FailureTable<RouteKey> routes;
  FailureTable<DhcpKey> dhcp;
  FailureTable<std::string> security_groups;

  [[nodiscard]] std::size_t size() const {
    return segments.size() + ports.size() + neighbors.size() + routes.size() + dhcp.size() +
           security_groups.size();
  }
  [[nodiscard]] bool empty() const { return size() == 0; }
};

}  // namespace alkaid::agent
