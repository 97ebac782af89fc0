#include "tests/pipeline/software_nic.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <initializer_list>
#include <string_view>
#include <thread>
#include <utility>

#include <gtest/gtest.h>
#include <rte_ethdev.h>

#include "tests/pipeline/software_rule.hpp"

namespace alkaid::test {
namespace {

constexpr std::uint16_t kSwitchDomain = 7;
constexpr std::uint16_t kOtherDomain = 8;
constexpr std::uint16_t kProxy = 0;  // of all its ports
constexpr int kFewTests = 10;

int refuse(rte_flow_error* error, int number, const char* message) {
  return rte_flow_error_set(error, number, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, nullptr, message);
}

// The last headers differ most often.
bool are_alike(const rte_flow& one, const rte_flow& other) {
  return one.ingress == other.ingress && one.priority == other.priority &&
         std::equal(one.layers.rbegin(), one.layers.rend(), other.layers.rbegin(),
                    other.layers.rend(), [](const auto& a, const auto& b) {
                      return a.type == b.type && a.spec == b.spec && a.mask == b.mask;
                    });
}

}  // namespace

SoftwareNic& SoftwareNic::instance() {
  static SoftwareNic nic;
  return nic;
}

namespace {

// The whole suite with all devices on one card, and every connection in hardware as soon as it can
// be: what comes out must be the same. Of the tests that are chosen it has forwarded so many frames
// at least, or they would show nothing of it; unless they are a few that are tried once more.
class MustForward : public ::testing::Environment {
 public:
  void TearDown() override {
    const char* const least = std::getenv("ALKAID_TEST_OFFLOAD_LEAST");
    const bool are_few = ::testing::UnitTest::GetInstance()->test_to_run_count() <= kFewTests;
    EXPECT_GE(SoftwareNic::instance().ever_forwarded(),
              least != nullptr && !are_few ? std::strtoull(least, nullptr, 10) : 0);
  }
};

[[maybe_unused]] const bool is_suite_on_card = [] {
  const char* offload = std::getenv("ALKAID_TEST_OFFLOAD");
  const bool is_wanted = offload != nullptr && std::string_view{offload} == "on";
  if (is_wanted) {
    static const PluggedNic plugged;
    ::testing::AddGlobalTestEnvironment(new MustForward);
  }
  return is_wanted;
}();

}  // namespace

void SoftwareNic::plug() {
  const std::lock_guard lock{mutex_};
  is_plugged_ = true;
  flows_.clear();
  offered_rss_ = 0;
  sharing_.clear();
  capacity_ = std::numeric_limits<std::size_t>::max();
  create_error_ = destroy_error_ = query_error_ = flush_error_ = validate_error_ = 0;
  refuses_ages_ = false;
  refused_ = {};
  delay_ = query_delay_ = {};
  queries_ = 0;
  left_until_held_ = kNeverHeld;
  has_own_proxies_ = false;
  others_.clear();
  stray_calls_ = 0;
  forwarded_before_ += std::exchange(forwarded_, 0);
  queue_.reset(wants_templates());
}

bool SoftwareNic::wants_templates() {
  const char* rules = std::getenv("ALKAID_TEST_OFFLOAD_RULES");
  return rules != nullptr && std::string_view{rules} == "templates";
}

void SoftwareNic::unplug() {
  const std::lock_guard lock{mutex_};
  is_plugged_ = false;
  flows_.clear();
}

bool SoftwareNic::is_plugged() {
  const std::lock_guard lock{mutex_};
  return is_plugged_;
}

std::size_t SoftwareNic::rules() {
  const std::lock_guard lock{mutex_};
  return static_cast<std::size_t>(
      std::count_if(flows_.begin(), flows_.end(), [](const auto& flow) { return flow.egress; }));
}

std::size_t SoftwareNic::all_rules() {
  const std::lock_guard lock{mutex_};
  return flows_.size();
}
std::uint64_t SoftwareNic::forwarded() {
  const std::lock_guard lock{mutex_};
  return forwarded_;
}
std::uint64_t SoftwareNic::ever_forwarded() {
  const std::lock_guard lock{mutex_};
  return forwarded_before_ + forwarded_;
}
std::size_t SoftwareNic::stray_calls() {
  const std::lock_guard lock{mutex_};
  return stray_calls_;
}

void SoftwareNic::let_pass(std::chrono::milliseconds time) {
  const std::lock_guard lock{mutex_};
  now_ += time;
}

void SoftwareNic::set_capacity(std::size_t rules) {
  const std::lock_guard lock{mutex_};
  capacity_ = rules;
}
void SoftwareNic::refuse_rules(int error) {
  const std::lock_guard lock{mutex_};
  create_error_ = error;
}
void SoftwareNic::refuse_removals(int error) {
  const std::lock_guard lock{mutex_};
  destroy_error_ = error;
}
void SoftwareNic::refuse_queries(int error) {
  const std::lock_guard lock{mutex_};
  query_error_ = error;
}
void SoftwareNic::refuse_ages() {
  const std::lock_guard lock{mutex_};
  refuses_ages_ = true;
}
void SoftwareNic::refuse_kinds(const Kinds& kinds) {
  const std::lock_guard lock{mutex_};
  refused_ = kinds;
}
void SoftwareNic::refuse_flushes(int error) {
  const std::lock_guard lock{mutex_};
  flush_error_ = error;
}
void SoftwareNic::let_ports_manage_themselves() {
  const std::lock_guard lock{mutex_};
  has_own_proxies_ = true;
}
void SoftwareNic::put_into_other_switch(std::uint16_t device) {
  const std::lock_guard lock{mutex_};
  others_.insert(device);
}
void SoftwareNic::refuse_validation(int error) {
  const std::lock_guard lock{mutex_};
  validate_error_ = error;
}
void SoftwareNic::set_delay(std::chrono::milliseconds delay) {
  const std::lock_guard lock{mutex_};
  delay_ = delay;
}
void SoftwareNic::hold_after(std::size_t rules) {
  const std::lock_guard lock{mutex_};
  left_until_held_ = rules;
}
bool SoftwareNic::is_held_up() {
  const std::lock_guard lock{mutex_};
  return held_calls_ > 0;
}
void SoftwareNic::let_go() {
  const std::lock_guard lock{mutex_};
  left_until_held_ = kNeverHeld;
  let_go_.notify_all();
}

void SoftwareNic::set_query_delay(std::chrono::milliseconds delay) {
  const std::lock_guard lock{mutex_};
  query_delay_ = delay;
}
std::size_t SoftwareNic::queries() {
  const std::lock_guard lock{mutex_};
  return queries_;
}

// A driver whose device is closed may do anything.
void SoftwareNic::wait(std::uint16_t port) {
  const auto look = [&] { stray_calls_ += rte_eth_dev_is_valid_port(port) != 0 ? 0 : 1; };
  std::chrono::milliseconds delay{0};
  {
    std::unique_lock lock{mutex_};
    delay = delay_;
    look();
    ++held_calls_;
    let_go_.wait(lock, [this] { return left_until_held_ > 0; });
    --held_calls_;
    left_until_held_ -= left_until_held_ == kNeverHeld ? 0 : 1;
  }
  if (delay.count() > 0) {
    std::this_thread::sleep_for(delay);
    const std::lock_guard lock{mutex_};
    look();
  }
}

std::uint16_t SoftwareNic::known_proxy_of(std::uint16_t port) const {
  return has_own_proxies_ ? port : kProxy;
}
std::uint16_t SoftwareNic::known_domain_of(std::uint16_t port) const {
  return others_.count(port) != 0 ? kOtherDomain : kSwitchDomain;
}
std::uint16_t SoftwareNic::proxy_of(std::uint16_t port) {
  const std::lock_guard lock{mutex_};
  return known_proxy_of(port);
}
std::uint16_t SoftwareNic::domain_of(std::uint16_t port) {
  const std::lock_guard lock{mutex_};
  return known_domain_of(port);
}

void SoftwareNic::offer_rss(std::uint64_t fields) {
  const std::lock_guard lock{mutex_};
  offered_rss_ = fields;
}

std::uint64_t SoftwareNic::offered_rss() {
  const std::lock_guard lock{mutex_};
  return offered_rss_;
}

std::size_t SoftwareNic::sharing_rules(std::uint16_t device) {
  const std::lock_guard lock{mutex_};
  return static_cast<std::size_t>(
      std::count_if(sharing_.begin(), sharing_.end(),
                    [device](const auto& rule) { return rule.proxy == device; }));
}

void SoftwareNic::close(std::uint16_t port) {
  queue_.close(port);
  const std::lock_guard lock{mutex_};
  sharing_.remove_if([port](const rte_flow& flow) { return flow.proxy == port; });
  flows_.remove_if([port](const rte_flow& flow) { return flow.proxy == port; });
}

auto SoftwareNic::forward(std::uint16_t ingress, const Bytes& frame) -> std::optional<Forwarded> {
  const std::lock_guard lock{mutex_};
  rte_flow* best = nullptr;
  for (rte_flow& flow : flows_) {
    if (flow.is_made && matches(flow, ingress, frame) &&
        (best == nullptr || flow.priority < best->priority)) {
      best = &flow;
    }
  }
  if (best == nullptr || !best->egress) {
    return std::nullopt;
  }
  ++best->hits;
  best->bytes += frame.size();
  best->last_hit = now_;
  best->is_told = false;
  ++forwarded_;
  return Forwarded{*best->egress, apply_rule(*best, frame)};
}

const char* SoftwareNic::refused_kind(const Kinds& rule) const {
  if (rule.ipv6 && refused_.ipv6) {
    return "no IPv6";
  }
  if (rule.guards && refused_.guards) {
    return "no rules to the data plane";
  }
  if (rule.local && refused_.local) {
    return "tunnels only";
  }
  return rule.rewriting && refused_.rewriting ? "no rewriting" : nullptr;
}

int SoftwareNic::parse(std::uint16_t port, const rte_flow_attr* attr, const rte_flow_item* pattern,
                       const rte_flow_action* actions, rte_flow& rule, rte_flow_error* error) {
  if (const int result = parse_rule(*attr, pattern, actions, rule, error); result != 0) {
    return result;
  }
  if (rule.age != 0 && refuses_ages_) {
    return refuse(error, ENOTSUP, "rules have no age");
  }
  const bool has_v6 = std::any_of(rule.layers.begin(), rule.layers.end(), [](const auto& layer) {
    return layer.type == RTE_FLOW_ITEM_TYPE_IPV6;
  });
  if (const char* kind =
          refused_kind({.ipv6 = has_v6,
                        .guards = !rule.egress,
                        .local = rule.egress && !rule.outer && !rule.decapsulates,
                        .rewriting = rule.takes_hop || rule.new_source || rule.new_destination});
      kind != nullptr) {
    return refuse(error, ENOTSUP, kind);
  }
  rule.proxy = port;
  rule.last_hit = now_;
  if (known_proxy_of(rule.ingress) != port) {
    return refuse(error, EPERM, "not through this port");
  }
  if (rule.egress && known_domain_of(*rule.egress) != known_domain_of(rule.ingress)) {
    return refuse(error, EINVAL, "goes to another switch");
  }
  return 0;
}

int SoftwareNic::validate(std::uint16_t port, const rte_flow_attr* attr,
                          const rte_flow_item* pattern, const rte_flow_action* actions,
                          rte_flow_error* error) {
  if (queue_.is_configured(port)) {
    return refuse(error, ENOTSUP, "by templates only");
  }
  const std::lock_guard lock{mutex_};
  rte_flow rule;
  const int result = parse(port, attr, pattern, actions, rule, error);
  if (result != 0 || validate_error_ == 0 || !rule.outer) {
    return result;
  }
  return refuse(error, validate_error_, "no tunnels");
}

rte_flow* SoftwareNic::create(std::uint16_t port, const rte_flow_attr* attr,
                              const rte_flow_item* pattern, const rte_flow_action* actions,
                              rte_flow_error* error) {
  wait(port);
  if (queue_.is_configured(port)) {
    refuse(error, ENOTSUP, "by templates only");
    return nullptr;
  }
  const std::lock_guard lock{mutex_};
  rte_flow rule;
  if (offered_rss_ != 0 && actions->type == RTE_FLOW_ACTION_TYPE_RSS) {
    rule.proxy = port;
    return &sharing_.emplace_back(std::move(rule));
  }
  if (parse(port, attr, pattern, actions, rule, error) != 0) {
    return nullptr;
  }
  if (create_error_ != 0 && rule.egress) {
    refuse(error, create_error_, "told to fail");
    return nullptr;
  }
  return add(std::move(rule), error);
}

rte_flow* SoftwareNic::add(rte_flow rule, rte_flow_error* error) {
  if (flows_.size() >= capacity_) {
    refuse(error, ENOSPC, "table full");
    return nullptr;
  }
  if (std::any_of(flows_.begin(), flows_.end(),
                  [&](const rte_flow& other) { return are_alike(rule, other); })) {
    refuse(error, EEXIST, "there is one that matches the same");
    return nullptr;
  }
  flows_.push_back(std::move(rule));
  return &flows_.back();
}

int SoftwareNic::validate_templates(const rte_flow_pattern_template& pattern,
                                    const rte_flow_actions_template& actions,
                                    rte_flow_error* error) {
  const std::lock_guard lock{mutex_};
  const bool encapsulates = std::find(actions.types.begin(), actions.types.end(),
                                      RTE_FLOW_ACTION_TYPE_VXLAN_ENCAP) != actions.types.end();
  if (validate_error_ != 0 && encapsulates) {
    return refuse(error, validate_error_, "no tunnels");
  }
  const bool has_age = std::find(actions.types.begin(), actions.types.end(),
                                 RTE_FLOW_ACTION_TYPE_AGE) != actions.types.end();
  if (has_age && refuses_ages_) {
    return refuse(error, ENOTSUP, "rules have no age");
  }
  const auto acts = [&actions](std::initializer_list<rte_flow_action_type> wanted) {
    return std::find_first_of(actions.types.begin(), actions.types.end(), wanted.begin(),
                              wanted.end()) != actions.types.end();
  };
  bool has_v6 = false;
  for (const rte_flow_item* item = pattern.items(); item->type != RTE_FLOW_ITEM_TYPE_END; ++item) {
    has_v6 |= item->type == RTE_FLOW_ITEM_TYPE_IPV6;
  }
  const bool guards = acts({RTE_FLOW_ACTION_TYPE_PORT_REPRESENTOR});
  if (const char* kind = refused_kind(
          {.ipv6 = has_v6,
           .guards = guards,
           .local = !guards &&
                    !acts({RTE_FLOW_ACTION_TYPE_VXLAN_ENCAP, RTE_FLOW_ACTION_TYPE_VXLAN_DECAP}),
           .rewriting = acts({RTE_FLOW_ACTION_TYPE_DEC_TTL, RTE_FLOW_ACTION_TYPE_SET_MAC_SRC,
                              RTE_FLOW_ACTION_TYPE_SET_MAC_DST})});
      kind != nullptr) {
    return refuse(error, ENOTSUP, kind);
  }
  return pattern.items()->type == RTE_FLOW_ITEM_TYPE_REPRESENTED_PORT
             ? 0
             : refuse(error, EINVAL, "rules begin with a port");
}

rte_flow* SoftwareNic::add_pending(std::uint16_t port, const rte_flow_attr& attr,
                                   const rte_flow_item* pattern, const rte_flow_action* actions,
                                   rte_flow_error* error) {
  const std::lock_guard lock{mutex_};
  rte_flow rule;
  if (parse(port, &attr, pattern, actions, rule, error) != 0) {
    return nullptr;
  }
  rule.is_made = false;
  return add(std::move(rule), error);
}

bool SoftwareNic::finish_creation(std::uint16_t port, rte_flow* flow) {
  wait(port);
  const std::lock_guard lock{mutex_};
  const auto found = find(port, flow);
  if (found == flows_.end() || (create_error_ != 0 && found->egress)) {
    return false;
  }
  found->is_made = true;
  return true;
}

int SoftwareNic::begin_removal(std::uint16_t port, rte_flow* flow, rte_flow_error* error) {
  const std::lock_guard lock{mutex_};
  const auto found = find(port, flow);
  if (found == flows_.end() || found->is_leaving) {
    ++stray_calls_;
    return refuse(error, ENOENT, "no such rule");
  }
  found->is_leaving = true;
  return 0;
}

bool SoftwareNic::finish_removal(std::uint16_t port, rte_flow* flow) {
  wait(port);
  const std::lock_guard lock{mutex_};
  const auto found = find(port, flow);
  if (destroy_error_ != 0 || found == flows_.end()) {
    return false;
  }
  flows_.erase(found);
  return true;
}

std::list<rte_flow>::iterator SoftwareNic::find(std::uint16_t port, const rte_flow* flow) {
  return std::find_if(flows_.begin(), flows_.end(),
                      [&](const rte_flow& other) { return &other == flow && other.proxy == port; });
}

int SoftwareNic::destroy(std::uint16_t port, rte_flow* flow, rte_flow_error* error) {
  wait(port);
  if (queue_.is_configured(port)) {
    return refuse(error, ENOTSUP, "by templates only");
  }
  const std::lock_guard lock{mutex_};
  if (destroy_error_ != 0) {
    return refuse(error, destroy_error_, "told to fail");
  }
  const auto found = find(port, flow);
  if (found == flows_.end()) {
    return refuse(error, ENOENT, "no such rule");
  }
  flows_.erase(found);
  return 0;
}

int SoftwareNic::query(std::uint16_t port, rte_flow* flow, rte_flow_query_count* count,
                       rte_flow_error* error) {
  std::chrono::milliseconds delay{0};
  {
    const std::lock_guard lock{mutex_};
    ++queries_;
    delay = query_delay_;
  }
  std::this_thread::sleep_for(delay);
  const std::lock_guard lock{mutex_};
  const auto found = find(port, flow);
  if (query_error_ != 0 || found == flows_.end() || !found->counts) {
    return refuse(error, query_error_ != 0 ? query_error_ : EINVAL, "nothing is counted");
  }
  count->hits_set = 1;
  count->bytes_set = 1;
  count->hits = found->hits;
  count->bytes = found->bytes;
  return 0;
}

int SoftwareNic::query(std::uint16_t port, rte_flow* flow, rte_flow_query_age* age,
                       rte_flow_error* error) {
  const std::lock_guard lock{mutex_};
  const auto found = find(port, flow);
  if (found == flows_.end() || found->age == 0) {
    return refuse(error, EINVAL, "no age");
  }
  age->aged = has_aged(*found) ? 1 : 0;
  age->sec_since_last_hit_valid = 1;
  age->sec_since_last_hit =
      std::chrono::duration_cast<std::chrono::seconds>(now_ - found->last_hit).count() & 0xffffff;
  return 0;
}

bool SoftwareNic::has_aged(const rte_flow& flow) const {
  return flow.age != 0 && now_ - flow.last_hit >= std::chrono::seconds{flow.age};
}

int SoftwareNic::get_aged(std::uint16_t port, void** contexts, std::uint32_t count) {
  const std::lock_guard lock{mutex_};
  std::uint32_t told = 0;
  for (rte_flow& flow : flows_) {
    if (told < count && flow.proxy == port && flow.is_made && has_aged(flow) && !flow.is_told) {
      flow.is_told = true;
      contexts[told++] = flow.age_context;
    }
  }
  return static_cast<int>(told);
}

int SoftwareNic::flush(std::uint16_t port, rte_flow_error* error) {
  wait(port);
  const std::lock_guard lock{mutex_};
  if (flush_error_ != 0) {
    return refuse(error, flush_error_, "told to fail");
  }
  flows_.remove_if([port](const rte_flow& flow) { return flow.proxy == port; });
  sharing_.remove_if([port](const rte_flow& flow) { return flow.proxy == port; });
  return 0;
}

}  // namespace alkaid::test

// In place of the library's, for the whole program: linked with --wrap.
extern "C" {

int __real_rte_flow_validate(std::uint16_t port, const rte_flow_attr* attr,
                             const rte_flow_item pattern[], const rte_flow_action actions[],
                             rte_flow_error* error);
rte_flow* __real_rte_flow_create(std::uint16_t port, const rte_flow_attr* attr,
                                 const rte_flow_item pattern[], const rte_flow_action actions[],
                                 rte_flow_error* error);
int __real_rte_flow_destroy(std::uint16_t port, rte_flow* flow, rte_flow_error* error);
int __real_rte_flow_query(std::uint16_t port, rte_flow* flow, const rte_flow_action* action,
                          void* data, rte_flow_error* error);
int __real_rte_flow_get_aged_flows(std::uint16_t port, void** contexts, std::uint32_t count,
                                   rte_flow_error* error);
int __real_rte_flow_flush(std::uint16_t port, rte_flow_error* error);
int __real_rte_flow_pick_transfer_proxy(std::uint16_t port, std::uint16_t* proxy,
                                        rte_flow_error* error);
int __real_rte_eth_dev_info_get(std::uint16_t port, rte_eth_dev_info* info);
int __real_rte_eth_dev_close(std::uint16_t port);

int __wrap_rte_flow_validate(std::uint16_t port, const rte_flow_attr* attr,
                             const rte_flow_item pattern[], const rte_flow_action actions[],
                             rte_flow_error* error) {
  auto& nic = alkaid::test::SoftwareNic::instance();
  return nic.is_plugged() ? nic.validate(port, attr, pattern, actions, error)
                          : __real_rte_flow_validate(port, attr, pattern, actions, error);
}

rte_flow* __wrap_rte_flow_create(std::uint16_t port, const rte_flow_attr* attr,
                                 const rte_flow_item pattern[], const rte_flow_action actions[],
                                 rte_flow_error* error) {
  auto& nic = alkaid::test::SoftwareNic::instance();
  return nic.is_plugged() ? nic.create(port, attr, pattern, actions, error)
                          : __real_rte_flow_create(port, attr, pattern, actions, error);
}

int __wrap_rte_flow_destroy(std::uint16_t port, rte_flow* flow, rte_flow_error* error) {
  auto& nic = alkaid::test::SoftwareNic::instance();
  return nic.is_plugged() ? nic.destroy(port, flow, error)
                          : __real_rte_flow_destroy(port, flow, error);
}

int __wrap_rte_flow_query(std::uint16_t port, rte_flow* flow, const rte_flow_action* action,
                          void* data, rte_flow_error* error) {
  auto& nic = alkaid::test::SoftwareNic::instance();
  if (!nic.is_plugged()) {
    return __real_rte_flow_query(port, flow, action, data, error);
  }
  return action->type == RTE_FLOW_ACTION_TYPE_AGE
             ? nic.query(port, flow, static_cast<rte_flow_query_age*>(data), error)
             : nic.query(port, flow, static_cast<rte_flow_query_count*>(data), error);
}

int __wrap_rte_flow_get_aged_flows(std::uint16_t port, void** contexts, std::uint32_t count,
                                   rte_flow_error* error) {
  auto& nic = alkaid::test::SoftwareNic::instance();
  return nic.is_plugged() ? nic.get_aged(port, contexts, count)
                          : __real_rte_flow_get_aged_flows(port, contexts, count, error);
}

int __wrap_rte_flow_flush(std::uint16_t port, rte_flow_error* error) {
  auto& nic = alkaid::test::SoftwareNic::instance();
  return nic.is_plugged() ? nic.flush(port, error) : __real_rte_flow_flush(port, error);
}

int __wrap_rte_flow_pick_transfer_proxy(std::uint16_t port, std::uint16_t* proxy,
                                        rte_flow_error* error) {
  auto& nic = alkaid::test::SoftwareNic::instance();
  if (!nic.is_plugged()) {
    return __real_rte_flow_pick_transfer_proxy(port, proxy, error);
  }
  *proxy = nic.proxy_of(port);
  return 0;
}

int __wrap_rte_eth_dev_info_get(std::uint16_t port, rte_eth_dev_info* info) {
  auto& nic = alkaid::test::SoftwareNic::instance();
  const int result = __real_rte_eth_dev_info_get(port, info);
  if (result == 0 && nic.is_plugged()) {
    info->switch_info.domain_id = nic.domain_of(port);
    info->flow_type_rss_offloads |= nic.offered_rss();
  }
  return result;
}

int __wrap_rte_eth_dev_close(std::uint16_t port) {
  alkaid::test::SoftwareNic::instance().close(port);
  return __real_rte_eth_dev_close(port);
}
}
