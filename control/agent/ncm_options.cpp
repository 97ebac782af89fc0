#include "control/agent/ncm_options.hpp"

#include <charconv>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "control/common/logging.hpp"
#include "control/common/net/ip_address.hpp"

namespace alkaid::agent {
namespace {

constexpr int kLongestIdleSeconds = 86400;

// "HOST:PORT", "[V6]:PORT".
bool is_address(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) {
    return false;
  }
  const std::string host = text.substr(0, colon);
  const bool is_bracketed = host.front() == '[' && host.back() == ']';
  if (host.find(':') != std::string::npos &&
      (!is_bracketed || !IpAddress::parse(host.substr(1, host.size() - 2)))) {
    return false;
  }
  unsigned port = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, port);
  return parsed.ec == std::errc{} && parsed.ptr == end && port > 0 && port <= UINT16_MAX;
}

}  // namespace

void NcmOptions::add_to(CLI::App& app) {
  app.add_option("--ncm", ncm_,
                 "HOST:PORT of the Network Config Manager, which is asked for neighbors that "
                 "packets miss while the packets wait (default: nobody is asked)");
  app.add_flag("--ncm-tls", tls_,
               "ask the manager over TLS and trust the system's certificate authorities");
  app.add_option("--ncm-tls-ca", tls_files_.authorities,
                 "ask the manager over TLS: the authorities that sign its certificate, in PEM; "
                 "read again when it is replaced, as the next two")
      ->type_name("FILE")
      ->check(require_file_name);
  app.add_option("--ncm-tls-certificate", tls_files_.certificate,
                 "mutual TLS: our certificate for a manager that asks for one, and the "
                 "intermediate ones behind it, in PEM")
      ->type_name("FILE")
      ->check(require_file_name);
  app.add_option("--ncm-tls-key", tls_files_.key, "its key, in PEM")
      ->type_name("FILE")
      ->check(require_file_name);
  app.add_option("--ncm-tls-server-name", server_name_,
                 "name that the manager's certificate must have (default: the host of --ncm)")
      ->type_name("NAME");
  app.add_flag("--ncm-plaintext", plaintext_,
               "ask the manager unprotected although goal states come over TLS; with --plaintext "
               "it is asked so anyway, unless it is by TLS");
  app.add_option("--on-demand-idle", idle_seconds_,
                 "seconds after which a neighbor that was asked for and is not used is forgotten")
      ->capture_default_str()
      ->check(CLI::Range(1, kLongestIdleSeconds));
  constexpr const char* kGroup = "Options of the Alcor Control Agent";
  app.add_option("-a,--ncm-address", aca_address_, "with -p the same as --ncm")
      ->take_last()
      ->group(kGroup);
  app.add_option("-p,--ncm-port", aca_port_, "with -a the same as --ncm")
      ->capture_default_str()
      ->take_last()
      ->check(CLI::Range(1, UINT16_MAX))
      ->group(kGroup);
}

std::optional<std::string> NcmOptions::address(std::string& error) const {
  if (!ncm_.empty()) {
    if (!is_address(ncm_)) {
      error = fmt::format("--ncm: '{}' is not HOST:PORT or [IPV6]:PORT", printable(ncm_));
      return std::nullopt;
    }
    return ncm_;
  }
  if (aca_address_.empty()) {
    return std::string{};
  }
  const bool is_v6 = aca_address_.find(':') != std::string::npos;
  std::string address =
      fmt::format("{}:{}", is_v6 ? "[" + aca_address_ + "]" : aca_address_, aca_port_);
  if (!is_address(address)) {
    error = fmt::format("-a: '{}' is no host's name or address", printable(aca_address_));
    return std::nullopt;
  }
  return address;
}

std::optional<NcmConfig> NcmOptions::ncm(bool plaintext_agent, std::string& error) const {
  auto wanted = address(error);
  if (!wanted) {
    return std::nullopt;
  }
  const bool is_tls = tls_ || tls_files_.any() || !server_name_.empty();
  if (wanted->empty()) {
    if (is_tls || plaintext_) {
      error = "--ncm-tls... and --ncm-plaintext say how --ncm is reached, which is not given";
      return std::nullopt;
    }
    return NcmConfig{};
  }
  if (is_tls && plaintext_) {
    error = "--ncm-plaintext and --ncm-tls... exclude each other";
    return std::nullopt;
  }
  if (tls_files_.certificate.empty() != tls_files_.key.empty()) {
    error = "--ncm-tls-certificate and --ncm-tls-key belong together";
    return std::nullopt;
  }
  if (!is_tls && !plaintext_ && !plaintext_agent) {
    error =
        "say how the Network Config Manager is asked: --ncm-tls-ca FILE, or --ncm-tls to trust the "
        "system's authorities, with --ncm-tls-certificate FILE and --ncm-tls-key FILE if it asks "
        "for a certificate; or --ncm-plaintext";
    return std::nullopt;
  }
  NcmConfig config{.address = std::move(*wanted), .tls = {}, .server_name = server_name_};
  if (is_tls) {
    config.tls = tls_files_;
  }
  return config;
}

}  // namespace alkaid::agent
