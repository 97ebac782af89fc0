// A network card with a switch inside, in software: it stands in place of the library's rte_flow
// functions and rte_eth_dev_info_get() (linker --wrap), takes the rules that such cards' drivers
// take, and executes them on frames before the data plane sees them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <list>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include <rte_flow.h>

#include "tests/pipeline/pipeline_lab.hpp"
#include "tests/pipeline/software_rule.hpp"
#include "tests/pipeline/software_rule_queue.hpp"

namespace alkaid::test {

class SoftwareNic final : public Nic {
 public:
  static SoftwareNic& instance();

  // All devices are ports of its switch, which is empty; or none is, and rules are the business of
  // their own drivers.
  void plug();
  void unplug();
  [[nodiscard]] bool is_plugged();

  std::optional<Forwarded> forward(std::uint16_t ingress, const Bytes& frame) override;

  // Rules there are, of those that forward, and all.
  [[nodiscard]] std::size_t rules();
  [[nodiscard]] std::size_t all_rules();
  // Frames that it forwarded since it was plugged in, and ever.
  [[nodiscard]] std::uint64_t forwarded();
  [[nodiscard]] std::uint64_t ever_forwarded();
  // Calls through devices that were closed.
  [[nodiscard]] std::size_t stray_calls();

  // For the card, which has a clock of its own.
  void let_pass(std::chrono::milliseconds time);

  // Its devices can hash these fields (RTE_ETH_RSS_*), by a rule those of what is in a tunnel.
  void offer_rss(std::uint64_t fields);
  [[nodiscard]] std::uint64_t offered_rss();
  // Rules of the device that share its packets out among its queues.
  [[nodiscard]] std::size_t sharing_rules(std::uint16_t device);

  // ---- what goes wrong
  void set_capacity(std::size_t rules);
  // errno of every rule from now on; 0: none.
  void refuse_rules(int error);
  void refuse_removals(int error);
  void refuse_queries(int error);
  void refuse_flushes(int error);
  // Every port manages the rules about its own packets, in place of one that does for all.
  void let_ports_manage_themselves();
  // The device is a port of another switch.
  void put_into_other_switch(std::uint16_t device);
  // What the driver takes for each rule and removal.
  void set_delay(std::chrono::milliseconds delay);
  // The driver makes and removes so many rules more; then its calls don't return until it is let
  // go. Of a thread of its own.
  void hold_after(std::size_t rules);
  [[nodiscard]] bool is_held_up();  // one doesn't
  void let_go();
  // The same for each reading of a counter, and how many there were.
  void set_query_delay(std::chrono::milliseconds delay);
  [[nodiscard]] std::size_t queries();
  // Rules with an age aren't taken.
  void refuse_ages();
  // Nor are rules of these kinds.
  struct Kinds {
    bool ipv6 = false;
    bool guards = false;  // that give packets to the data plane
    bool local = false;   // that neither take a tunnel off nor put one on
    bool rewriting = false;
  };
  void refuse_kinds(const Kinds& kinds);
  // rte_flow_validate() says this of rules into tunnels.
  void refuse_validation(int error);

  // ---- rules by templates
  // The devices that are opened from now on take rules by templates only, if
  // ALKAID_TEST_OFFLOAD_RULES is "templates"; or, otherwise, one by one.
  static bool wants_templates();
  SoftwareRuleQueue& queue() { return queue_; }
  // Templates of which rules about any of its ports can be made.
  int validate_templates(const rte_flow_pattern_template& pattern,
                         const rte_flow_actions_template& actions, rte_flow_error* error);
  // A rule that matches nothing until finish_creation() has succeeded.
  rte_flow* add_pending(std::uint16_t port, const rte_flow_attr& attr, const rte_flow_item* pattern,
                        const rte_flow_action* actions, rte_flow_error* error);
  bool finish_creation(std::uint16_t port, rte_flow* flow);
  // The handle is void from now on.
  int begin_removal(std::uint16_t port, rte_flow* flow, rte_flow_error* error);
  bool finish_removal(std::uint16_t port, rte_flow* flow);

  // ---- the driver's functions
  int validate(std::uint16_t port, const rte_flow_attr* attr, const rte_flow_item* pattern,
               const rte_flow_action* actions, rte_flow_error* error);
  rte_flow* create(std::uint16_t port, const rte_flow_attr* attr, const rte_flow_item* pattern,
                   const rte_flow_action* actions, rte_flow_error* error);
  int destroy(std::uint16_t port, rte_flow* flow, rte_flow_error* error);
  int query(std::uint16_t port, rte_flow* flow, rte_flow_query_count* count, rte_flow_error* error);
  int query(std::uint16_t port, rte_flow* flow, rte_flow_query_age* age, rte_flow_error* error);
  int get_aged(std::uint16_t port, void** contexts, std::uint32_t count);
  int flush(std::uint16_t port, rte_flow_error* error);
  // Through which rules about the port's packets are managed.
  std::uint16_t proxy_of(std::uint16_t port);
  std::uint16_t domain_of(std::uint16_t port);
  // The port is being closed: what is managed through it goes.
  void close(std::uint16_t port);

 private:
  static constexpr std::size_t kNeverHeld = std::numeric_limits<std::size_t>::max();

  // The rest is done with the mutex held.
  void wait(std::uint16_t port);
  int parse(std::uint16_t port, const rte_flow_attr* attr, const rte_flow_item* pattern,
            const rte_flow_action* actions, rte_flow& rule, rte_flow_error* error);
  // Of such a rule; nullptr: none of what it is.
  [[nodiscard]] const char* refused_kind(const Kinds& rule) const;
  [[nodiscard]] bool has_aged(const rte_flow& flow) const;
  // nullptr: refused.
  rte_flow* add(rte_flow rule, rte_flow_error* error);
  std::list<rte_flow>::iterator find(std::uint16_t port, const rte_flow* flow);
  [[nodiscard]] std::uint16_t known_proxy_of(std::uint16_t port) const;
  [[nodiscard]] std::uint16_t known_domain_of(std::uint16_t port) const;

  std::mutex mutex_;
  bool is_plugged_ = false;
  std::list<rte_flow> flows_;
  std::uint64_t offered_rss_ = 0;
  std::list<rte_flow> sharing_;  // frames are not shared out: they are kept, no more
  std::size_t capacity_ = std::numeric_limits<std::size_t>::max();
  int create_error_ = 0;
  int destroy_error_ = 0;
  int query_error_ = 0;
  int flush_error_ = 0;
  int validate_error_ = 0;
  bool refuses_ages_ = false;
  Kinds refused_;
  std::chrono::milliseconds now_{0};
  std::chrono::milliseconds delay_{0};
  std::chrono::milliseconds query_delay_{0};
  std::size_t queries_ = 0;
  std::size_t left_until_held_ = kNeverHeld;
  std::size_t held_calls_ = 0;
  std::condition_variable let_go_;
  bool has_own_proxies_ = false;
  std::set<std::uint16_t> others_;  // devices of another switch
  std::size_t stray_calls_ = 0;
  std::uint64_t forwarded_ = 0;
  std::uint64_t forwarded_before_ = 0;  // it was plugged in
  SoftwareRuleQueue queue_{*this};
};

// A card for the labs that are made while it lives.
class PluggedNic {
 public:
  PluggedNic() {
    nic().plug();
    PipelineLab::use_nic(&nic());
  }
  ~PluggedNic() {
    if (was_plugged_) {
      nic().plug();  // as new
    } else {
      nic().unplug();
      PipelineLab::use_nic(nullptr);
    }
  }
  PluggedNic(const PluggedNic&) = delete;
  PluggedNic& operator=(const PluggedNic&) = delete;

  static SoftwareNic& nic() { return SoftwareNic::instance(); }

 private:
  const bool was_plugged_ = nic().is_plugged();
};

}  // namespace alkaid::test
