// Several underlay gateways share the flows.
#include <map>

#include <gtest/gtest.h>

#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"

namespace alkaid::test {
namespace {

using namespace net;
using namespace std::chrono_literals;

constexpr Ipv4Address kFarVtep{0xc0000201};  // 192.0.2.1
constexpr unsigned kFlows = 256;

Ipv4Address gateway_ip(unsigned number) {
  return Ipv4Address{0x0a0000f0 + number};
}
MacAddress gateway_mac(unsigned number) {
  return MacAddress::from_number(0x020000000f00 + number);
}

class Ecmp : public ::testing::Test {
 protected:
  explicit Ecmp(unsigned gateways = 3) : lab_(settings(gateways)) {
    lab_.program_network(IpAddress{kFarVtep});
    lab_.walk();
    lab_.take("up");
  }

  static DataplaneSettings settings(unsigned gateways) {
    auto settings = PipelineLab::default_settings();
    settings.underlay_neighbors.clear();
    for (unsigned i = gateways; i-- > 0;) {
      settings.underlay_gateways.emplace_back(gateway_ip(i));
    }
    return settings;
  }

  void answer(unsigned number) {
    const net::Station self{kOwnVtep, uplink_mac(lab_)};
    lab_.send("up", {arp_reply(gateway_mac(number), gateway_ip(number), self)});
  }

  // Time goes on and nobody answers but those named.
  void let_time_pass(std::chrono::milliseconds how_long, const std::vector<unsigned>& answering) {
    const auto now = Clock::now();
    auto& next_hops = lab_.dataplane().next_hops();
    for (auto passed = 0ms; passed <= how_long; passed += 10ms) {
      for (const unsigned number : answering) {
        next_hops.observe({.address = IpAddress{gateway_ip(number)}, .mac = gateway_mac(number)},
                          now + passed);
      }
      next_hops.tick(now + passed);
    }
    // What was asked is not what the test is about.
    for (const auto& worker : lab_.dataplane().workers()) {
      while (worker->step() > 0) {
      }
    }
    lab_.take("up");
  }

  // Gateway of each flow; 99: dropped.
  std::vector<unsigned> flows() {
    std::vector<unsigned> chosen;
    for (unsigned flow = 0; flow < kFlows; ++flow) {
      lab_.send("green-1", {packet()
                                .ethernet({.source = kGreen1.mac, .destination = kGreen2.mac})
                                .ipv4({.source = kGreen1.ip, .destination = kGreen2.ip})
                                .udp({.source_port = static_cast<std::uint16_t>(1000 + flow)})
                                .build()});
      unsigned gateway = 99;
      for (const auto& frame : lab_.take("up")) {
        if (frame[12] == 0x08 && frame[13] == 0x00) {
          gateway = frame[5];
        }
      }
      chosen.push_back(gateway);
    }
    return chosen;
  }

  static std::map<unsigned, unsigned> count(const std::vector<unsigned>& chosen) {
    std::map<unsigned, unsigned> counts;
    for (const unsigned gateway : chosen) {
      ++counts[gateway];
    }
    return counts;
  }

  PipelineLab lab_;
};

TEST_F(Ecmp, NoGatewayAnswers) {
  EXPECT_EQ(count(flows()), (std::map<unsigned, unsigned>{{99, kFlows}}));
  EXPECT_EQ(lab_.drops("green-1", DropReason::next_hop_unresolved), kFlows);
}

TEST_F(Ecmp, OneThatAnswersTakesAll) {
  answer(1);
  EXPECT_EQ(count(flows()), (std::map<unsigned, unsigned>{{1, kFlows}}));
}

TEST_F(Ecmp, FlowsSpreadAndStay) {
  for (const unsigned number : {0U, 1U, 2U}) {
    answer(number);
  }
  const auto chosen = flows();
  const auto counts = count(chosen);
  ASSERT_EQ(counts.size(), 3U);
  for (const auto& [gateway, flows_of_it] : counts) {
    EXPECT_NEAR(flows_of_it, kFlows / 3, 45) << gateway;  // the hash has a new key each time
  }
  EXPECT_EQ(flows(), chosen);
}

TEST_F(Ecmp, ADeadOneLosesItsFlowsAndTheOthersKeepTheirs) {
  for (const unsigned number : {0U, 1U, 2U}) {
    answer(number);
  }
  const auto before = flows();
  // A member of a group is confirmed every second and given up after six questions.
  let_time_pass(3000ms, {0, 2});
  const auto after = flows();
  unsigned moved_to_first = 0;
  unsigned moved = 0;
  for (unsigned flow = 0; flow < kFlows; ++flow) {
    if (before[flow] != 1) {
      EXPECT_EQ(after[flow], before[flow]) << flow;
    } else {
      EXPECT_NE(after[flow], 1U) << flow;
      ++moved;
      moved_to_first += after[flow] == 0 ? 1 : 0;
    }
  }
  EXPECT_NEAR(moved_to_first, moved / 2, moved / 4) << "the others share them";
  const auto groups = lab_.dataplane().next_hops().groups();
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups[0].members[1].slots, 0U);
  EXPECT_EQ(groups[0].members[0].slots + groups[0].members[2].slots, kEcmpSlots);
  answer(1);
  EXPECT_EQ(flows(), before) << "it has its own again";
}

TEST_F(Ecmp, WithoutTheUplinkNothingIsUsable) {
  answer(0);
  lab_.dataplane().next_hops().set_uplink(std::nullopt, Clock::now());
  EXPECT_EQ(count(flows()), (std::map<unsigned, unsigned>{{99, kFlows}}));
}

TEST_F(Ecmp, TheOrderOfConfigurationHasNoMeaning) {
  const auto tunnels = lab_.dataplane().tunnels().view();
  ASSERT_FALSE(tunnels.empty());
  const std::vector<IpAddress> sorted{IpAddress{gateway_ip(0)}, IpAddress{gateway_ip(1)},
                                      IpAddress{gateway_ip(2)}};
  EXPECT_EQ(tunnels[0].next_hops, sorted);
}

}  // namespace
}  // namespace alkaid::test
