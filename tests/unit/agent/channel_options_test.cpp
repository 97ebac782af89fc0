// Plaintext is said, never assumed.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/agent/options.hpp"

namespace alkaid::agent::test {
namespace {

using ::testing::HasSubstr;

OptionsOutcome parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "alkaid-agent");
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

TEST(ChannelOptions, PlaintextOnlyWhenAsked) {
  const auto silent = parse({});
  EXPECT_EQ(silent.exit_code, 2);
  EXPECT_THAT(silent.output, HasSubstr("--tls-certificate"));
  EXPECT_THAT(silent.output, HasSubstr("--plaintext"));
  const auto asked = parse({"--plaintext"});
  ASSERT_TRUE(asked.options) << asked.output;
  EXPECT_FALSE(asked.options->agent.channel.tls);
}

TEST(ChannelOptions, TlsNeedsCertificateAndKey) {
  for (const std::vector<const char*>& some : std::vector<std::vector<const char*>>{
           {"--tls-certificate", "a.pem"}, {"--tls-key", "a.key"}, {"--tls-client-ca", "ca.pem"}}) {
    const auto outcome = parse(some);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.output, HasSubstr("both --tls-certificate and --tls-key"));
  }
  const auto whole =
      parse({"--tls-certificate", "a.pem", "--tls-key", "a.key", "--tls-client-ca", "clients.pem"});
  ASSERT_TRUE(whole.options) << whole.output;
  const auto& tls = whole.options->agent.channel.tls;
  ASSERT_TRUE(tls);
  EXPECT_EQ(tls->certificate, "a.pem");
  EXPECT_EQ(tls->key, "a.key");
  EXPECT_EQ(tls->authorities, "clients.pem");
}

// As by a template whose variable is not set: it must not admit every client.
TEST(ChannelOptions, AnEmptyFileNameIsNotNone) {
  for (const char* flag : {"--tls-certificate", "--tls-key", "--tls-client-ca"}) {
    const auto outcome = parse({"--tls-certificate", "a.pem", "--tls-key", "a.key",
                                "--tls-client-ca", "ca.pem", flag, ""});
    EXPECT_EQ(outcome.exit_code, 2) << flag;
    EXPECT_THAT(outcome.output, HasSubstr(flag));
  }
  const auto alone = parse({"--plaintext", "--tls-client-ca", ""});
  EXPECT_EQ(alone.exit_code, 2);
  EXPECT_THAT(alone.output, HasSubstr("--tls-client-ca: names no file"));
}

TEST(ChannelOptions, NotBoth) {
  const auto outcome = parse({"--plaintext", "--tls-certificate", "a.pem", "--tls-key", "a.key"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.output, HasSubstr("exclude each other"));
}

TEST(ChannelOptions, Limits) {
  const auto defaults = parse({"--plaintext"});
  ASSERT_TRUE(defaults.options);
  EXPECT_EQ(defaults.options->agent.channel.message_bytes, std::size_t{512} << 20);
  const auto given = parse({"--plaintext", "--max-message", "16", "--max-streams", "10"});
  ASSERT_TRUE(given.options) << given.output;
  EXPECT_EQ(given.options->agent.channel.message_bytes, std::size_t{16} << 20);
  EXPECT_EQ(given.options->agent.channel.streams, 10U);
  for (const char* wrong : {"0", "2048", "-1", "many"}) {
    const auto outcome = parse({"--plaintext", "--max-message", wrong});
    EXPECT_EQ(outcome.exit_code, 2) << wrong;
    EXPECT_THAT(outcome.output, HasSubstr("--max-message"));
  }
}

}  // namespace
}  // namespace alkaid::agent::test
