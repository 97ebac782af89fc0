// Which SYNs have their segment size lowered, and that nothing else changes.
#include "dataplane/packet/mss_clamp.hpp"

#include <gtest/gtest.h>

#include "tests/support/packet_builder.hpp"

namespace alkaid::test {
namespace {

struct Case {
  std::string name;
  Bytes options;
  std::uint8_t flags;
  std::uint16_t mtu;
  Bytes expected;
};

void PrintTo(const Case& test_case, std::ostream* out) {
  *out << test_case.name;
}

class ClampMss : public testing::TestWithParam<Case> {};

constexpr std::uint8_t kSyn = TcpFields::kSyn;
constexpr std::uint8_t kSynAck = TcpFields::kSyn | TcpFields::kAck;

// Whatever the builder makes of the expected options, checksum included, is what must come out.
TEST_P(ClampMss, Ipv4) {
  const Case& c = GetParam();
  const auto frame_with = [&](const Bytes& options) {
    return packet()
        .ethernet({})
        .ipv4({})
        .tcp({.flags = c.flags, .options = options})
        .payload(Bytes(3, 0x77))
        .build();
  };
  Bytes frame = frame_with(c.options);
  FrameHeaders headers;
  ASSERT_EQ(parse_frame(frame, frame.size(), headers), DropReason::kNone);
  clamp_mss(frame, headers, c.mtu);
  EXPECT_EQ(frame, frame_with(c.expected));
}

TEST_P(ClampMss, Ipv6TakesTwentyMore) {
  const Case& c = GetParam();
  const auto frame_with = [&](const Bytes& options) {
    return packet().ethernet({}).ipv6({}).tcp({.flags = c.flags, .options = options}).build();
  };
  Bytes frame = frame_with(c.options);
  FrameHeaders headers;
  ASSERT_EQ(parse_frame(frame, frame.size(), headers), DropReason::kNone);
  clamp_mss(frame, headers, static_cast<std::uint16_t>(c.mtu == 0 ? 0 : c.mtu + 20));
  EXPECT_EQ(frame, frame_with(c.expected));
}

const Bytes k1460{2, 4, 0x05, 0xb4};
const Bytes k1410{2, 4, 0x05, 0x82};

INSTANTIATE_TEST_SUITE_P(
    All, ClampMss,
    testing::Values(Case{"Syn", k1460, kSyn, 1450, k1410},
                    Case{"SynAck", k1460, kSynAck, 1450, k1410},
                    Case{"NoSyn", k1460, TcpFields::kAck, 1450, k1460},
                    Case{"Fits", k1460, kSyn, 1500, k1460},
                    Case{"Smaller", {2, 4, 0x02, 0x18}, kSyn, 1450, {2, 4, 0x02, 0x18}},
                    Case{"BehindOthers",
                         {1, 1, 4, 2, 2, 4, 0xff, 0xff},
                         kSyn,
                         1450,
                         {1, 1, 4, 2, 2, 4, 0x05, 0x82}},
                    Case{"OddOffset",
                         {1, 2, 4, 0x05, 0xb4, 1, 1, 0},
                         kSyn,
                         1450,
                         {1, 2, 4, 0x05, 0x82, 1, 1, 0}},
                    Case{"BehindTheEnd",
                         {0, 2, 4, 0xff, 0xff, 0, 0, 0},
                         kSyn,
                         1450,
                         {0, 2, 4, 0xff, 0xff, 0, 0, 0}},
                    Case{"NoOptions", {}, kSyn, 1450, {}},
                    Case{"WrongLength", {2, 3, 0xff, 1}, kSyn, 1450, {2, 3, 0xff, 1}},
                    Case{"LengthZero",
                         {3, 0, 2, 4, 0xff, 0xff, 0, 0},
                         kSyn,
                         1450,
                         {3, 0, 2, 4, 0xff, 0xff, 0, 0}},
                    Case{"LengthPastTheEnd", {3, 9, 2, 4}, kSyn, 1450, {3, 9, 2, 4}},
                    Case{"CutBehindItsCode", {1, 1, 1, 2}, kSyn, 1450, {1, 1, 1, 2}},
                    Case{"NoMtu", k1460, kSyn, 0, k1460}),
    [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace alkaid::test
