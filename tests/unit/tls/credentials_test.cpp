// TLS between real servers and clients on the loopback.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "control/common/tls/channel_credentials.hpp"
#include "control/common/tls/reloading_channel.hpp"
#include "control/common/tls/server_credentials.hpp"
#include "control/common/tls/tls_material.hpp"
#include "tests/unit/tls/test_authority.hpp"

namespace alkaid::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class Credentials : public ::testing::Test {
 protected:
  void SetUp() override {
    spdlog::set_level(spdlog::level::off);
    directory_ = ::testing::TempDir() + fmt::format("alkaid-tls-{}", ::getpid());
    std::filesystem::create_directories(directory_);
    write_pair("server", authority_.issue("agent.test"));
    write("authority", authority_.certificate());
  }

  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(directory_);
  }

  [[nodiscard]] std::string path(const std::string& name) const {
    return directory_ + "/" + name + ".pem";
  }

  // As programs that renew certificates do: in one step.
  void write(const std::string& name, const std::string& text) const {
    std::ofstream{path(name) + ".new"} << text;
    std::filesystem::rename(path(name) + ".new", path(name));
  }

  void write_pair(const std::string& name, const CertificateAndKey& pair) const {
    write(name, pair.certificate);
    write(name + "-key", pair.key);
  }

  [[nodiscard]] TlsFiles server_files(bool mutual) const {
    return {path("server"), path("server-key"), mutual ? path("client-authority") : ""};
  }

  void serve(bool mutual = false) {
    std::string error;
    credentials_ = make_server_credentials(server_files(mutual), error);
    ASSERT_TRUE(credentials_) << error;
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", credentials_, &port);
    builder.RegisterCallbackGenericService(&service_);
    server_ = builder.BuildAndStart();
    ASSERT_TRUE(server_);
    address_ = fmt::format("127.0.0.1:{}", port);
  }

  // A channel with connections of its own.
  [[nodiscard]] std::shared_ptr<grpc::Channel> channel(
      const std::shared_ptr<grpc::ChannelCredentials>& credentials) const {
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("agent.test");
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(address_, credentials, arguments);
  }

  [[nodiscard]] bool connects(const std::shared_ptr<grpc::ChannelCredentials>& credentials,
                              std::chrono::milliseconds longest = 10s) const {
    return channel(credentials)->WaitForConnected(std::chrono::system_clock::now() + longest);
  }

  [[nodiscard]] static std::shared_ptr<grpc::ChannelCredentials> client(const TlsFiles& files) {
    std::string error;
    auto credentials = make_channel_credentials(files, error);
    EXPECT_TRUE(credentials) << error;
    return credentials;
  }

  [[nodiscard]] bool eventually(const std::function<bool()>& holds) const {
    for (int i = 0; i < 60; ++i) {
      if (holds()) {
        return true;
      }
      std::this_thread::sleep_for(100ms);
    }
    return false;
  }

  std::string directory_;
  TestAuthority authority_{"authority"};
  std::string address_;
  std::shared_ptr<grpc::ServerCredentials> credentials_;
  grpc::CallbackGenericService service_;  // nothing is called
  std::unique_ptr<grpc::Server> server_;
};

// How long something that must not succeed is waited for.
constexpr auto kRefusal = 500ms;

TEST_F(Credentials, TheServerIsKnownByItsAuthority) {
  serve();
  EXPECT_TRUE(connects(client({.authorities = path("authority")})));
  write("stranger", TestAuthority{"stranger"}.certificate());
  EXPECT_FALSE(connects(client({.authorities = path("stranger")}), kRefusal));
  EXPECT_FALSE(connects(grpc::InsecureChannelCredentials(), kRefusal));
}

TEST_F(Credentials, MutualTlsAdmitsOnlyCertifiedClients) {
  const TestAuthority clients{"clients"};
  write("client-authority", clients.certificate());
  write_pair("client", clients.issue("controller"));
  write_pair("impostor", TestAuthority{"clients"}.issue("controller"));
  serve(true);
  EXPECT_TRUE(connects(client({path("client"), path("client-key"), path("authority")})));
  EXPECT_FALSE(
      connects(client({path("impostor"), path("impostor-key"), path("authority")}), kRefusal));
  EXPECT_FALSE(connects(client({.authorities = path("authority")}), kRefusal));
}

TEST_F(Credentials, ReplacedCertificatesAreUsedAndConnectionsStay) {
  serve();
  const auto before = channel(client({.authorities = path("authority")}));
  ASSERT_TRUE(before->WaitForConnected(std::chrono::system_clock::now() + 10s));
  const TestAuthority next{"next"};
  write("next", next.certificate());
  const auto trusts_next = client({.authorities = path("next")});
  EXPECT_FALSE(connects(trusts_next, kRefusal));
  write_pair("server", next.issue("agent.test"));
  EXPECT_TRUE(eventually([&] { return connects(trusts_next, kRefusal); }));
  EXPECT_EQ(before->GetState(false), GRPC_CHANNEL_READY);
}

TEST_F(Credentials, ReplacedClientAuthoritiesAreUsed) {
  const TestAuthority clients{"clients"};
  write("client-authority", TestAuthority{"former"}.certificate());
  write_pair("client", clients.issue("controller"));
  serve(true);
  const auto credentials = client({path("client"), path("client-key"), path("authority")});
  EXPECT_FALSE(connects(credentials, kRefusal));
  write("client-authority", clients.certificate());
  EXPECT_TRUE(eventually([&] { return connects(credentials, kRefusal); }));
}

TEST_F(Credentials, WhatIsNoGoodChangesNothing) {
  serve();
  const auto credentials = client({.authorities = path("authority")});
  const CertificateAndKey other = authority_.issue("agent.test");
  // Only half of a pair, then nothing at all, then no certificate; longer than files are left
  // alone.
  write("server", other.certificate);
  std::this_thread::sleep_for(1100ms);
  EXPECT_TRUE(connects(credentials));
  std::filesystem::remove(path("server-key"));
  std::this_thread::sleep_for(1100ms);
  EXPECT_TRUE(connects(credentials));
  write_pair("server", {"no certificate", "no key"});
  std::this_thread::sleep_for(1100ms);
  EXPECT_TRUE(connects(credentials));
}

// A client's certificate is renewed, its key a moment later.
TEST_F(Credentials, AClientTakesTheNextGoodPair) {
  const TestAuthority clients{"clients"};
  write("client-authority", clients.certificate());
  write_pair("client", TestAuthority{"former"}.issue("controller"));
  serve(true);
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride("agent.test");
  std::string error;
  const auto client = ReloadingChannel::make(
      address_, TlsFiles{path("client"), path("client-key"), path("authority")}, arguments, error,
      0ms);
  ASSERT_TRUE(client) << error;
  const auto refused = client->channel();
  EXPECT_FALSE(refused->WaitForConnected(std::chrono::system_clock::now() + 200ms));
  const CertificateAndKey pair = clients.issue("controller");
  write("client", pair.certificate);
  EXPECT_EQ(client->channel(), refused);
  write("client-key", "no key");
  EXPECT_EQ(client->channel(), refused);
  write("client-key", pair.key);
  const auto admitted = client->channel();
  EXPECT_NE(admitted, refused);
  EXPECT_TRUE(admitted->WaitForConnected(std::chrono::system_clock::now() + 10s));
  EXPECT_EQ(client->channel(), admitted);
}

TEST_F(Credentials, FilesThatAreNoGoodAtTheStartAreNamed) {
  std::string error;
  TlsFiles files = server_files(false);
  files.key = path("nowhere");
  EXPECT_FALSE(make_server_credentials(files, error));
  EXPECT_THAT(error, HasSubstr("nowhere"));

  write("garbage", "-----BEGIN CERTIFICATE-----\ngarbage\n-----END CERTIFICATE-----\n");
  files = server_files(false);
  files.certificate = path("garbage");
  EXPECT_FALSE(make_server_credentials(files, error));
  EXPECT_THAT(error, HasSubstr("garbage.pem"));

  write_pair("other", authority_.issue("agent.test"));
  files = server_files(false);
  files.key = path("other-key");
  EXPECT_FALSE(make_server_credentials(files, error));
  EXPECT_THAT(error, HasSubstr("is not the key of"));

  write("empty", "");
  EXPECT_FALSE(make_channel_credentials({.authorities = path("empty")}, error));
  EXPECT_THAT(error, HasSubstr("empty.pem"));

  write("huge", std::string((std::size_t{1} << 20) + 1, 'x'));
  EXPECT_FALSE(make_channel_credentials({.authorities = path("huge")}, error));
  EXPECT_THAT(error, HasSubstr("huge.pem"));

  EXPECT_FALSE(make_channel_credentials({.certificate = path("server")}, error));
  EXPECT_THAT(error, HasSubstr("belong together"));
}

}  // namespace
}  // namespace alkaid::test
