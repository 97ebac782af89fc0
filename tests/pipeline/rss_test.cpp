// How devices with several receive queues are asked to share packets out among them. No device here
// hashes headers: what one offers is made up, and what it is asked for is kept.
#include <cerrno>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_flow.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "tests/pipeline/made_up_device.hpp"
#include "tests/pipeline/pipeline_lab.hpp"

namespace alkaid::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// A rule that shares packets out, and its device; what tells it is its address.
struct Rule {
  std::uint16_t ethdev;
  std::vector<rte_flow_item_type> items;
  std::uint16_t udp_port;
  std::uint32_t level;
  std::uint64_t fields;
  std::vector<std::uint16_t> queues;

  bool operator==(const Rule&) const = default;
};
std::list<Rule> rules;
std::set<rte_flow_item_type> taken_families;  // of rules; the others' are not supported

// UDP ports by which devices know VXLAN: of those that can be told.
bool is_told_ports = false;
std::multimap<std::uint16_t, std::uint16_t> known_ports;  // by ethdev

// What is logged while it lives, in place of where it went.
class Log {
 public:
  Log() {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "captured", std::make_shared<spdlog::sinks::ostream_sink_st>(stream_)));
  }
  ~Log() { spdlog::set_default_logger(std::move(before_)); }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  [[nodiscard]] std::string text() const { return stream_.str(); }

 private:
  std::ostringstream stream_;
  std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
};

// A lab whose devices, the uplink's and guests', offer these fields and have so many receive
// queues.
class RssLab {
 public:
  RssLab(std::uint64_t offered, unsigned queues, std::uint16_t vxlan_port = 4789) {
    made_up_device.rss_fields = offered;
    auto settings = PipelineLab::default_settings();
    settings.vxlan_port = vxlan_port;
    settings.worker_lcores = {0, 1};
    lab_.emplace(settings, LabQueues{.receive = queues});
    lab_->program_network();
  }
  ~RssLab() {
    lab_.reset();
    rules.clear();
    taken_families.clear();
    is_told_ports = false;
    made_up_device.rss_fields.reset();
    configurations.clear();
  }
  RssLab(const RssLab&) = delete;
  RssLab& operator=(const RssLab&) = delete;

  Dataplane& dataplane() { return lab_->dataplane(); }
  [[nodiscard]] std::uint16_t uplink() {
    return dataplane().ports().views().front().port->device.ethdev;
  }
  [[nodiscard]] std::uint16_t guest() { return dataplane().ports().find("green-1")->device.ethdev; }
  // What is asked to be hashed; 0: nothing.
  [[nodiscard]] std::uint64_t of_uplink() {
    return fields_of(*lab_->dataplane().ports().views().front().port);
  }
  [[nodiscard]] std::uint64_t of_guest() {
    return fields_of(*lab_->dataplane().ports().find("green-1"));
  }

 private:
  static std::uint64_t fields_of(const Port& port) {
    const rte_eth_conf& configuration = configurations.at(port.device.ethdev);
    const bool is_asked = configuration.rxmode.mq_mode == RTE_ETH_MQ_RX_RSS;
    return is_asked ? configuration.rx_adv_conf.rss_conf.rss_hf : 0;
  }

  std::optional<PipelineLab> lab_;
};

constexpr std::uint64_t kFields =
    RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV4_TCP;

TEST(Rss, AnUplinksIsByInnerHeadersWhereTheDeviceCan) {
  const Log log;
  RssLab rss(kFields | RTE_ETH_RSS_LEVEL_MASK, 2);
  EXPECT_EQ(rss.of_uplink(), kFields | RTE_ETH_RSS_LEVEL_INNERMOST);
  EXPECT_EQ(rss.of_guest(), kFields) << "guests' frames are in no tunnel";
  EXPECT_THAT(log.text(), HasSubstr("by the headers inside tunnels"));
}

TEST(Rss, AnUplinksIsByOuterHeadersElsewhereWhichIsTold) {
  for (const std::uint64_t level : {RTE_ETH_RSS_LEVEL_PMD_DEFAULT, RTE_ETH_RSS_LEVEL_OUTERMOST}) {
    const Log log;
    RssLab rss(kFields | level, 2);
    EXPECT_EQ(rss.of_uplink(), kFields);
    EXPECT_EQ(rss.of_guest(), kFields);
    EXPECT_THAT(log.text(), HasSubstr("by the headers outside tunnels"));
  }
}

// Such as mlx5's: the level isn't among the fields, but rules may have one.
TEST(Rss, AnUplinksIsByInnerHeadersWhereARuleCan) {
  taken_families = {RTE_FLOW_ITEM_TYPE_IPV4, RTE_FLOW_ITEM_TYPE_IPV6};
  const Log log;
  RssLab rss(kFields, 2);
  EXPECT_EQ(rss.of_uplink(), kFields);
  EXPECT_THAT(log.text(), HasSubstr("by the headers inside tunnels, by a rule"));
  ASSERT_EQ(rules.size(), 2U) << "of the uplink alone";
  for (const auto& [rule, family] : {std::pair{rules.front(), RTE_FLOW_ITEM_TYPE_IPV4},
                                     {rules.back(), RTE_FLOW_ITEM_TYPE_IPV6}}) {
    EXPECT_THAT(rule.items, ElementsAre(RTE_FLOW_ITEM_TYPE_ETH, family, RTE_FLOW_ITEM_TYPE_UDP,
                                        RTE_FLOW_ITEM_TYPE_VXLAN));
    EXPECT_EQ(rule.udp_port, 4789);
    EXPECT_EQ(rule.level, 2U);
    EXPECT_EQ(rule.fields, kFields);
    EXPECT_THAT(rule.queues, ElementsAre(0, 1));
  }
}

TEST(Rss, ARuleForOneFamilyAloneIsTakenBack) {
  taken_families = {RTE_FLOW_ITEM_TYPE_IPV4};
  const Log log;
  RssLab rss(kFields, 2);
  EXPECT_TRUE(rules.empty());
  EXPECT_THAT(log.text(), HasSubstr("by the headers outside tunnels"));
}

TEST(Rss, ARuleIsForTheUdpPortThatTunnelsHave) {
  taken_families = {RTE_FLOW_ITEM_TYPE_IPV4, RTE_FLOW_ITEM_TYPE_IPV6};
  RssLab rss(kFields, 2, 8472);
  ASSERT_EQ(rules.size(), 2U);
  EXPECT_EQ(rules.front().udp_port, 8472);
  EXPECT_EQ(rules.back().udp_port, 8472);
}

TEST(Rss, RulesThatWereFlushedAreMadeAgain) {
  taken_families = {RTE_FLOW_ITEM_TYPE_IPV4, RTE_FLOW_ITEM_TYPE_IPV6};
  RssLab rss(kFields, 2);
  const auto before = rules;
  rules.clear();
  rss.dataplane().ports().rules_flushed(rss.guest());
  EXPECT_TRUE(rules.empty()) << "a guest's device had none";
  rss.dataplane().ports().rules_flushed(rss.uplink());
  EXPECT_EQ(rules, before);
}

TEST(Rss, CardsAreToldTheUdpPortOfTunnels) {
  is_told_ports = true;
  {
    const Log log;
    RssLab rss(0, 1, 8472);
    EXPECT_THAT(known_ports, ElementsAre(std::pair{rss.uplink(), std::uint16_t{8472}}))
        << "the uplink's alone, however few queues it has";
    EXPECT_THAT(log.text(), HasSubstr("knows VXLAN by UDP port 8472"));
  }
  EXPECT_TRUE(known_ports.empty()) << "the device may be opened anew";
}

TEST(Rss, WhereTheLevelIsOfferedNoRuleIsMade) {
  taken_families = {RTE_FLOW_ITEM_TYPE_IPV4, RTE_FLOW_ITEM_TYPE_IPV6};
  RssLab rss(kFields | RTE_ETH_RSS_LEVEL_MASK, 2);
  EXPECT_TRUE(rules.empty());
}

TEST(Rss, NothingIsAskedOfDevicesThatHashNothingOrHaveOneQueue) {
  for (const auto& [offered, queues] : {std::pair{std::uint64_t{0}, 2U}, std::pair{kFields, 1U}}) {
    const Log log;
    RssLab rss(offered, queues);
    EXPECT_EQ(rss.of_uplink(), 0U);
    EXPECT_EQ(rss.of_guest(), 0U);
    EXPECT_THAT(log.text(), Not(HasSubstr("tunnels")));
  }
}

}  // namespace
}  // namespace alkaid::test

// In place of the library's, for the whole program: linked with --wrap.
extern "C" {

rte_flow* __wrap_rte_flow_create(std::uint16_t ethdev, const rte_flow_attr* attributes,
                                 const rte_flow_item* pattern, const rte_flow_action* actions,
                                 rte_flow_error* /*error*/) {
  const auto& families = alkaid::test::taken_families;
  const auto* udp = static_cast<const rte_flow_item_udp*>(pattern[2].spec);
  if (attributes->ingress != 1 || attributes->transfer != 0 ||
      actions[0].type != RTE_FLOW_ACTION_TYPE_RSS || udp == nullptr ||
      families.count(pattern[1].type) == 0) {
    rte_errno = ENOTSUP;
    return nullptr;
  }
  const auto& rss = *static_cast<const rte_flow_action_rss*>(actions[0].conf);
  auto& rules = alkaid::test::rules;
  rules.push_back({ethdev,
                   {},
                   rte_be_to_cpu_16(udp->hdr.dst_port),
                   rss.level,
                   rss.types,
                   {rss.queue, rss.queue + rss.queue_num}});
  for (; pattern->type != RTE_FLOW_ITEM_TYPE_END; ++pattern) {
    rules.back().items.push_back(pattern->type);
  }
  return reinterpret_cast<rte_flow*>(&rules.back());
}
int __wrap_rte_eth_dev_udp_tunnel_port_add(std::uint16_t ethdev, rte_eth_udp_tunnel* tunnel) {
  if (!alkaid::test::is_told_ports || tunnel->prot_type != RTE_ETH_TUNNEL_TYPE_VXLAN) {
    return -ENOTSUP;
  }
  alkaid::test::known_ports.emplace(ethdev, tunnel->udp_port);
  return 0;
}
int __wrap_rte_eth_dev_udp_tunnel_port_delete(std::uint16_t ethdev, rte_eth_udp_tunnel* tunnel) {
  const auto found = alkaid::test::known_ports.find(ethdev);
  if (found == alkaid::test::known_ports.end() || found->second != tunnel->udp_port) {
    return -ENOENT;
  }
  alkaid::test::known_ports.erase(found);
  return 0;
}
int __wrap_rte_flow_destroy(std::uint16_t ethdev, rte_flow* flow, rte_flow_error* /*error*/) {
  alkaid::test::rules.remove_if([&](const alkaid::test::Rule& rule) {
    return &rule == reinterpret_cast<const alkaid::test::Rule*>(flow) && rule.ethdev == ethdev;
  });
  return 0;
}
}
