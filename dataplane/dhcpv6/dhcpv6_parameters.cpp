#include "dataplane/dhcpv6/dhcpv6_parameters.hpp"

#include <algorithm>
#include <array>

#include "dataplane/packet/domain_name.hpp"

namespace alkaid {
namespace {

constexpr std::size_t kMostRequested = 64;
constexpr std::uint32_t kShortestRefresh = 600;  // RFC 8415, 7.6: IRT_MINIMUM

constexpr std::array<std::uint16_t, 4> kOwnOptions = {
    dhcpv6_option::kDnsServers, dhcpv6_option::kDomainSearch,
    dhcpv6_option::kInformationRefreshTime, dhcpv6_option::kClientFqdn};

// RFC 4704, 4.1.
constexpr std::uint8_t kFqdnServerUpdates = 1;    // S
constexpr std::uint8_t kFqdnOverridden = 2;       // O
constexpr std::uint8_t kFqdnNoServerUpdates = 4;  // N

class ParameterWriter {
 public:
  ParameterWriter(const Dhcpv6Request& request, const Dhcpv6Settings& settings,
                  std::string_view host_name, Dhcpv6OptionWriter& options)
      : request_(request), settings_(settings), host_name_(host_name), options_(options) {}

  void put_requested() {
    const auto codes = request_.option_request;
    std::array<std::uint16_t, kMostRequested> done;
    std::size_t count = 0;
    for (std::size_t at = 0; at + 1 < codes.size() && count < done.size(); at += 2) {
      const auto code = static_cast<std::uint16_t>(codes[at] << 8 | codes[at + 1]);
      const auto end = done.begin() + static_cast<std::ptrdiff_t>(count);
      if (std::find(done.begin(), end, code) == end) {
        done[count++] = code;
        put(code);
      }
    }
  }

  void put_all() {
    for (const std::uint16_t code : kOwnOptions) {
      if (code != dhcpv6_option::kClientFqdn) {
        put(code);
      }
    }
    for (const DhcpOptionConfig& option : settings_.more) {
      if (std::find(kOwnOptions.begin(), kOwnOptions.end(), option.code) == kOwnOptions.end()) {
        options_.put_text(option.code, option.data);
      }
    }
  }

 private:
  void put(std::uint16_t code) {
    const auto configured =
        std::find_if(settings_.more.begin(), settings_.more.end(),
                     [code](const DhcpOptionConfig& option) { return option.code == code; });
    if (configured != settings_.more.end()) {
      options_.put_text(code, configured->data);
      return;
    }
    switch (code) {
      case dhcpv6_option::kDnsServers:
        put_unless_empty(code, settings_.dns_servers);
        break;
      case dhcpv6_option::kDomainSearch:
        put_unless_empty(code, settings_.domain_search);
        break;
      case dhcpv6_option::kInformationRefreshTime:
        if (request_.type == Dhcpv6MessageType::kInformationRequest) {
          options_.put_object(code,
                              BigEndian32{std::max(settings_.lease_seconds, kShortestRefresh)});
        }
        break;
      case dhcpv6_option::kClientFqdn:
        put_fqdn();
        break;
      default:
        break;
    }
  }

  void put_unless_empty(std::uint16_t code, std::span<const std::uint8_t> value) {
    if (!value.empty()) {
      options_.put(code, value);
    }
  }

  // Nobody updates the DNS here, whatever the client would like.
  void put_fqdn() {
    std::array<std::uint8_t, 1 + kLongestDomainName> value;
    if (!request_.fqdn_flags) {
      return;
    }
    value[0] = kFqdnNoServerUpdates;
    if ((*request_.fqdn_flags & kFqdnServerUpdates) != 0) {
      value[0] |= kFqdnOverridden;
    }
    std::size_t size = encode_domain_name(host_name_, std::span{value}.subspan(1));
    if (size == 0) {
      return;
    }
    // A name of one label is completed by the subnet's domain; without one it stays partial, which
    // the missing root label says (RFC 4704, 4.2).
    if (value[1] + 2U == size) {
      const auto& domain = settings_.domain_name;
      --size;
      if (size + domain.size() > kLongestDomainName) {
        return;
      }
      std::copy(domain.begin(), domain.end(),
                value.begin() + static_cast<std::ptrdiff_t>(1 + size));
      size += domain.size();
    }
    options_.put(dhcpv6_option::kClientFqdn, std::span{value}.first(1 + size));
  }

  const Dhcpv6Request& request_;
  const Dhcpv6Settings& settings_;
  std::string_view host_name_;
  Dhcpv6OptionWriter& options_;
};

}  // namespace

void put_dhcpv6_parameters(const Dhcpv6Request& request, const Dhcpv6Settings& settings,
                           std::string_view host_name, Dhcpv6OptionWriter& options) noexcept {
  ParameterWriter writer{request, settings, host_name, options};
  if (request.has_option_request) {
    writer.put_requested();
  } else {
    writer.put_all();
  }
}

}  // namespace alkaid
