// Random damage to good messages: whatever comes out of it, the responder stays within bounds and
// its replies are well-formed. Seeded: a failure repeats.
#include <random>

#include "tests/unit/dhcpv6/ask_responder6.hpp"

namespace alkaid::test {
namespace {

std::vector<Octets6> good_messages() {
  return {
      solicit().asks_for({23, 24, 32, 39, 59}).option(39, {1, 0}).ia_na(1).build(),
      solicit()
          .option(14, {})
          .ia_na(1, {kOtherAddress})
          .association(4, 2)
          .association(25, 3)
          .build(),
      to_server(Type6::kRequest).ia_na(1, {kOwnAddress}).build(),
      to_server(Type6::kRenew).ia_na(1, {kOtherAddress, kOwnAddress}).ia_na(2).build(),
      to_server(Type6::kRelease).ia_na(1, {kOwnAddress}).build(),
      Dhcpv6ClientMessage{Type6::kConfirm}.client().ia_na(1, {kOwnAddress}).build(),
      Dhcpv6ClientMessage{Type6::kInformationRequest}.asks_for({23, 24, 32}).build(),
  };
}

void damage(Octets6& bytes, std::mt19937& random) {
  const auto below = [&random](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>{0, limit - 1}(random);
  };
  for (std::size_t times = 1 + below(2); times > 0 && !bytes.empty(); --times) {
    const std::size_t at = below(bytes.size());
    const auto value = static_cast<std::uint8_t>(below(256));
    switch (below(5)) {
      case 0:
        bytes[at] = value;
        break;
      case 1:
        bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ 1U << below(8));
        break;
      case 2:
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), 1 + below(8), value);
        break;
      case 3:
        bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      default:
        bytes.resize(at);
        break;
    }
  }
}

TEST(Dhcpv6Mutation, NeverLeavesTheBoundsAndRepliesAreWellFormed) {
  constexpr int kRounds = 100000;
  std::mt19937 random{8415};
  const auto seeds = good_messages();
  auto segment = dhcpv6_segment();
  segment.dhcpv6_options = {{59, std::string(900, 'x')}, {60, std::string(200, 'y')}};
  const Dhcpv6Settings settings = make_dhcpv6_settings(segment);
  int replies = 0;
  int drops = 0;
  for (int round = 0; round < kRounds; ++round) {
    Octets6 bytes = seeds[static_cast<std::size_t>(round) % seeds.size()];
    damage(bytes, random);
    ExactCopy payload{bytes};
    Dhcpv6Request request;
    if (parse_dhcpv6_request(payload.bytes(), request) != DropReason::kNone) {
      ++drops;
      continue;
    }
    ExactCopy output{Octets6(kDhcpv6ReplyLimit, 0xa5)};
    const auto response = respond_dhcpv6(request, settings, dhcpv6_client(), output.bytes());
    if (response.outcome != Outcome6::kReply) {
      continue;
    }
    ++replies;
    ASSERT_LE(response.reply_length, output.size());
    std::string error;
    const auto reply = read_dhcpv6_reply(output.bytes().first(response.reply_length), error);
    ASSERT_TRUE(reply) << error << " in round " << round;
    ASSERT_EQ(reply->type, response.reply);
    ASSERT_NE(reply->find(2), nullptr);
  }
  // The damage must leave enough that is answered and break enough, or nothing was tested.
  EXPECT_GT(replies, kRounds / 10);
  EXPECT_GT(drops, kRounds / 10);
}

TEST(Dhcpv6Mutation, TheMostAndLongestAssociationsFit) {
  Dhcpv6ClientMessage message = Dhcpv6ClientMessage{Type6::kRebind}.option(1, Octets6(130, 1));
  message.ia_na(0, std::vector<IpAddress>(100, kOtherAddress));
  for (std::uint32_t i = 1; i < Dhcpv6Request::kMostAssociations; ++i) {
    message.ia_na(i, {kOtherAddress});
  }
  const auto reply = ask(message).reply;
  EXPECT_EQ(reply.associations.size(), Dhcpv6Request::kMostAssociations);
  EXPECT_EQ(reply.associations.at(0).addresses.size(), 9U) << "its own and eight that lapse";
}

}  // namespace
}  // namespace alkaid::test
