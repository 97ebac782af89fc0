#include "control/agent/on_demand_options.hpp"

#include <charconv>

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

void OnDemandOptions::add_to(CLI::App& app) {
  app.add_option("--ncm", ncm_,
                 "HOST:PORT of the Network Config Manager, which is asked for neighbors that "
                 "packets miss while the packets wait (default: nobody is asked)");
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

std::optional<std::string> OnDemandOptions::ncm_address(std::string& error) const {
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

}  // namespace alkaid::agent
