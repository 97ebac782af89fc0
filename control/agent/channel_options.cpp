#include "control/agent/channel_options.hpp"

#include <fmt/format.h>

#include "control/common/logging.hpp"
#include "control/common/net/ip_address.hpp"

namespace alkaid::agent {
namespace {

// gRPC counts bytes in 31 bits.
constexpr std::size_t kMostMessageMegabytes = 2047;
constexpr unsigned kMostStreams = 1000000;
constexpr std::size_t kMostConnections = 1000000;
constexpr unsigned kLongestIdleSeconds = 1000000;

}  // namespace

void ChannelOptions::add_to(CLI::App& app) {
  app.add_option("--listen-address", config_.address, "address on which goal states are taken")
      ->capture_default_str();
  app.add_option("-s,--port", config_.port, "TCP port on which goal states are taken")
      ->capture_default_str()
      ->take_last()
      ->check(CLI::Range(1, 65535));
  app.add_option("--tls-certificate", tls_.certificate,
                 "goal states come over TLS: our certificate and the intermediate ones behind it, "
                 "in PEM; read again when it is replaced")
      ->type_name("FILE")
      ->check(require_file_name);
  app.add_option("--tls-key", tls_.key, "key of our certificate, in PEM")
      ->type_name("FILE")
      ->check(require_file_name);
  app.add_option("--tls-client-ca", tls_.authorities,
                 "mutual TLS: admit only clients with a certificate that these have signed")
      ->type_name("FILE")
      ->check(require_file_name);
  app.add_flag("--plaintext", plaintext_,
               "goal states come unprotected, as Alcor's own clients send them");
  app.add_option("--max-message", message_megabytes_,
                 "largest goal-state message that is taken, in MiB; larger ones are refused with "
                 "RESOURCE_EXHAUSTED")
      ->type_name("MIB")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, kMostMessageMegabytes));
  app.add_option("--max-streams", config_.streams, "most open calls of one connection; more wait")
      ->capture_default_str()
      ->check(CLI::Range(1U, kMostStreams));
  app.add_option("--max-connections", config_.connections,
                 "most open goal-state connections, three quarters of them from one address; more "
                 "are refused")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{4}, kMostConnections));
  app.add_option("--connection-idle", config_.idle_seconds,
                 "seconds after which a connection without an open call is ended, which gRPC's "
                 "clients don't notice: they connect again with their next call; 0: never")
      ->type_name("SECONDS")
      ->capture_default_str()
      ->check(CLI::Range(0U, kLongestIdleSeconds));
}

std::optional<ChannelConfig> ChannelOptions::channel(std::string& error) const {
  if (!IpAddress::parse(config_.address)) {
    error = fmt::format("--listen-address: '{}' is no IPv4 or IPv6 address",
                        printable(config_.address));
    return std::nullopt;
  }
  if (plaintext_ && tls_.any()) {
    error = "--plaintext and --tls-... exclude each other";
    return std::nullopt;
  }
  if (!plaintext_ && (tls_.certificate.empty() || tls_.key.empty())) {
    error = tls_.any()
                ? "TLS needs both --tls-certificate and --tls-key"
                : "say how goal states are protected: --tls-certificate FILE and --tls-key FILE, "
                  "with --tls-client-ca FILE to admit known clients only; or --plaintext, for "
                  "clients without TLS such as Alcor's";
    return std::nullopt;
  }
  ChannelConfig config = config_;
  config.message_bytes = message_megabytes_ << 20;
  if (!plaintext_) {
    config.tls = tls_;
  }
  return config;
}

}  // namespace alkaid::agent
