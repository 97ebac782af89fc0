// A rule in the software network card: what it matches and does, copied from what the driver was
// given.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include <rte_flow.h>

#include "tests/support/packet_builder.hpp"

// The library only declares it: it is the driver's.
struct rte_flow {
  struct Layer {
    rte_flow_item_type type = RTE_FLOW_ITEM_TYPE_END;
    alkaid::test::Bytes spec;  // of the header; empty: anything
    alkaid::test::Bytes mask;
    bool wants_no_fragment = false;  // of IPv6
  };

  std::uint16_t proxy = 0;  // through which it was made
  std::uint32_t priority = 0;
  std::uint16_t ingress = 0;
  std::vector<Layer> layers;
  bool decapsulates = false;
  std::optional<alkaid::test::Bytes> new_source;
  std::optional<alkaid::test::Bytes> new_destination;
  bool takes_hop = false;
  std::optional<alkaid::test::Bytes> outer;  // Ethernet to VXLAN
  std::optional<std::uint16_t> egress;       // none: to the data plane
  bool counts = false;
  // Seconds without a packet, after which the card tells; 0: never.
  std::uint32_t age = 0;
  void* age_context = nullptr;
  std::chrono::milliseconds last_hit{0};  // of the card's clock
  bool is_told = false;                   // that it has aged, since then
  // By templates: it is in the table, and its removal was not asked for.
  bool is_made = true;
  bool is_leaving = false;
  std::uint64_t hits = 0;
  std::uint64_t bytes = 0;
};

namespace alkaid::test {

// Refuses what drivers of such cards refuse: negative errno, and a text in `error`.
int parse_rule(const rte_flow_attr& attr, const rte_flow_item* pattern,
               const rte_flow_action* actions, rte_flow& rule, rte_flow_error* error);

// Whether the frame is what the rule is about.
bool matches(const rte_flow& rule, std::uint16_t ingress, const Bytes& frame);

// What leaves.
Bytes apply_rule(const rte_flow& rule, const Bytes& frame);

}  // namespace alkaid::test
