// Connections in hardware are forwarded as software does it, packet by packet.
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "tests/pipeline/offload_lab.hpp"
#include "tests/pipeline/software_nic.hpp"

namespace alkaid::test {
namespace {

using namespace net;

class OffloadedFlow : public ::testing::TestWithParam<std::tuple<bool, std::uint8_t, bool>> {
 protected:
  [[nodiscard]] Flow flow() const {
    return {.ipv6 = std::get<0>(GetParam()),
            .protocol = std::get<1>(GetParam()),
            .routed = std::get<2>(GetParam())};
  }
  std::vector<Exchange> converse(PipelineLab& lab) const {
    Conversation talk(lab);
    talk.establish(flow());
    std::vector<Exchange> exchanges;
    for (const std::uint8_t ecn : {0, 1, 2, 3}) {
      exchanges.push_back(talk.there(flow(), {.ecn = ecn}));
      for (const std::uint8_t outer : {0, 1, 2, 3}) {
        exchanges.push_back(talk.back(flow(), {.ecn = ecn}, outer));
      }
    }
    for (const std::uint8_t hops : {255, 2, 1, 0}) {
      exchanges.push_back(talk.there(flow(), {.hops = hops}));
      exchanges.push_back(talk.back(flow(), {.hops = hops}));
    }
    for (const std::size_t payload : {0U, 1U, 1000U, 1300U}) {
      exchanges.push_back(talk.there(flow(), {.payload = payload}));
      exchanges.push_back(talk.back(flow(), {.payload = payload}));
    }
    if (flow().ipv6) {
      exchanges.push_back(talk.send("green-1", first_fragment(flow())));
    }
    for (const std::uint8_t flags : {kFin | kAck, kRst | kAck, kAck + 0}) {
      exchanges.push_back(talk.there(flow(), {.flags = flags}));
      exchanges.push_back(talk.back(flow(), {.flags = flags}));
    }
    return exchanges;
  }
};

TEST_P(OffloadedFlow, IsForwardedAsSoftwareDoes) {
  std::vector<Exchange> by_software;
  {
    DataplaneSettings settings = PipelineLab::default_settings();
    settings.offload.is_on = false;
    OffloadLab lab(settings);
    by_software = converse(lab);
  }
  const PluggedNic plugged;
  OffloadLab lab;
  const std::vector<Exchange> by_hardware = converse(lab);
  ASSERT_EQ(by_hardware.size(), by_software.size());
  for (std::size_t i = 0; i < by_software.size(); ++i) {
    EXPECT_EQ(by_hardware[i], by_software[i]) << "exchange " << i;
  }
  EXPECT_GE(PluggedNic::nic().forwarded(), 16U);
}

INSTANTIATE_TEST_SUITE_P(All, OffloadedFlow,
                         ::testing::Combine(::testing::Bool(),
                                            ::testing::Values(ip_protocol::kUdp, ip_protocol::kTcp),
                                            ::testing::Bool()),
                         [](const auto& info) {
                           return std::string{std::get<0>(info.param) ? "Ipv6" : "Ipv4"} +
                                  (std::get<1>(info.param) == ip_protocol::kUdp ? "Udp" : "Tcp") +
                                  (std::get<2>(info.param) ? "Routed" : "Bridged");
                         });

TEST_F(Offload, BetweenLocalGuests) {
  const auto there = udp_frame(kGreen1, kGreen3.mac, kGreen3.ip);
  const auto back = packet()
                        .ethernet({.source = kGreen3.mac, .destination = kGreen1.mac})
                        .ipv4({.source = kGreen3.ip, .destination = kGreen1.ip})
                        .udp({.source_port = 5678, .destination_port = 1234})
                        .payload(Bytes(32, 0x5a))
                        .build();
  for (int i = 0; i < 3; ++i) {
    lab.send("green-1", {there});
    EXPECT_EQ(lab.take("green-3"), Frames{there});
    lab.send("green-3", {back});
    EXPECT_EQ(lab.take("green-1"), Frames{back});
    talk.settle();
  }
  EXPECT_EQ(nic().rules(), 2U);
  EXPECT_GE(nic().forwarded(), 2U);
}

TEST(OffloadRandom, PacketByPacketAsSoftware) {
  constexpr int kFlows = 12;
  constexpr int kPackets = 1500;
  const auto converse = [](PipelineLab& lab) {
    std::mt19937 random{20221122};
    std::vector<Flow> flows;
    flows.reserve(kFlows);
    for (int i = 0; i < kFlows; ++i) {
      flows.push_back({.ipv6 = i % 2 == 1,
                       .protocol = i % 4 < 2 ? ip_protocol::kUdp : ip_protocol::kTcp,
                       .routed = i % 8 < 4,
                       .port = static_cast<std::uint16_t>(2000 + i)});
    }
    Conversation talk(lab);
    std::vector<Exchange> exchanges;
    exchanges.reserve(kPackets);
    const IpAddress vteps[] = {IpAddress{kPeerVtep}, IpAddress{kOtherVtep}};
    for (int i = 0; i < kPackets; ++i) {
      const Flow& flow = flows[random() % flows.size()];
      const std::uint32_t dice = random() % 100;
      PacketOptions options{.ecn = static_cast<std::uint8_t>(random() % 8 == 0 ? random() % 4 : 0),
                            .payload = random() % 200};
      options.hops = random() % 20 == 0 ? static_cast<std::uint8_t>(random() % 3) : 64;
      options.flags = dice < 5 ? kSyn : dice < 9 ? kSyn | kAck : dice < 10 ? kFin | kAck : kAck;
      const bool reply = random() % 2 == 1;
      exchanges.push_back(reply ? talk.back(flow, options) : talk.there(flow, options));
      if (i % 100 == 99) {
        const auto& vtep = vteps[random() % 2];
        EXPECT_FALSE(lab.programmer().set(PipelineLab::neighbor_config(kGreen, kGreen2, vtep)));
      }
    }
    return exchanges;
  };
  std::vector<Exchange> by_software;
  {
    DataplaneSettings settings = PipelineLab::default_settings();
    settings.offload.is_on = false;
    OffloadLab lab(settings);
    by_software = converse(lab);
  }
  const PluggedNic plugged;
  OffloadLab lab;
  const auto by_hardware = converse(lab);
  ASSERT_EQ(by_hardware.size(), by_software.size());
  for (std::size_t i = 0; i < by_software.size(); ++i) {
    ASSERT_EQ(by_hardware[i], by_software[i]) << "packet " << i;
  }
  EXPECT_GT(PluggedNic::nic().forwarded(), kPackets / 10U);
}

}  // namespace
}  // namespace alkaid::test
