// When packets last went to some neighbors, from the connections that lead to them: workers write
// nothing for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "dataplane/flow/flow_state.hpp"
#include "dataplane/tables/neighbor_table.hpp"

namespace alkaid {

// A part of the work at a time: advance() on the control thread, the rest on any.
class NeighborUse {
 public:
  static constexpr std::uint32_t kNever = UINT32_MAX;

  NeighborUse(FlowState& flows, const NeighborTable& neighbors, std::vector<NeighborKey> keys);

  // Looks at a bounded number of keys or connections; false: at all of them now.
  bool advance();
  // Per key, milliseconds since the last packet; kNever: no connection leads there.
  [[nodiscard]] const std::vector<std::uint32_t>& idle() const { return idle_; }

 private:
  void find_slots(std::size_t index);
  template <class Key>
  void look(ConnectionNumber number, Milliseconds now);
  template <class Key>
  bool look_at_some();

  static std::uint64_t name_of(std::uint32_t place, std::uint32_t signature) {
    return std::uint64_t{place} << 32 | signature;
  }

  FlowState& flows_;
  const NeighborTable& neighbors_;
  const std::vector<NeighborKey> keys_;
  std::size_t found_ = 0;                                 // keys whose slots are known
  std::unordered_map<std::uint64_t, std::size_t> slots_;  // to the key's index
  std::vector<std::uint32_t> idle_;
  ConnectionNumber next_ = 0;
  bool v4_done_ = false;
};

}  // namespace alkaid
