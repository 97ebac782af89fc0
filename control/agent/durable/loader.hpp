// From records to the desired state.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "control/agent/desired/store.hpp"

namespace alkaid::agent::durable {

// For an empty store that tells no journal. Records come in the order of their keys.
class Loader {
 public:
  explicit Loader(DesiredStore& store) : store_(store) {}

  // Returns what is wrong with the record, empty if it was taken.
  std::string take(std::string_view key, std::string_view value);

  // The state says all that the data plane is to hold.
  [[nodiscard]] bool is_complete() const { return is_complete_; }

 private:
  bool take_in_place(std::string_view key, std::string_view value);
  bool take_by_ids(std::string_view key, std::string_view value);
  bool take_router_part(std::string_view key, std::string_view value);
  bool take_group_part(std::string_view key, std::string_view value);
  bool take_slice_part(std::string_view key, std::string_view value);
  bool find_place(std::uint32_t number, const IpAddress& address, NeighborAddress& found) const;

  DesiredStore& store_;
  std::unordered_map<std::uint32_t, PlaceRecord> places_;
  std::unordered_map<std::string, MacAddress> routers_;
  bool is_complete_ = false;
};

}  // namespace alkaid::agent::durable
