#include "control/agent/goal_state/subnet_options.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>

#include "control/agent/goal_state/dhcp_option_table.hpp"

namespace alkaid::agent {
namespace {

// The limits of the local API.
constexpr std::size_t kLongestV4Option = 255;
constexpr std::size_t kMostV4Bytes = 1024;
constexpr std::size_t kLongestV6Option = 1024;

constexpr std::string_view kV4Prefix = "option:";
constexpr std::string_view kV6Prefix = "option6:";

std::string to_lower(std::string_view text) {
  std::string lower{text};
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return lower;
}

// One entry of the list.
class SubnetOption {
 public:
  SubnetOption(int index, const std::string& name, const std::string& value, FieldReader& reader,
               SubnetSpec& spec)
      : path_(fmt::format("configuration.extra_dhcp_options[{}]", index)),
        name_(name),
        value_(value),
        reader_(reader),
        spec_(spec) {}

  void read() {
    const std::string name = to_lower(name_);
    if (name == "ipv6_address_mode" || name == "ipv6_ra_mode") {
      read_ipv6_mode();
      return;
    }
    std::string_view rest = name;
    v6_ = !spec_.cidr.address.is_v4();
    if (rest.starts_with(kV6Prefix)) {
      v6_ = true;
      rest.remove_prefix(kV6Prefix.size());
    } else if (rest.starts_with(kV4Prefix)) {
      v6_ = false;
      rest.remove_prefix(kV4Prefix.size());
    }
    const DhcpOptionEntry* entry = nullptr;
    if (const auto code = parse_number(rest)) {
      entry = find_dhcp_option(v6_, *code);
      const std::uint64_t most = v6_ ? 65535 : 254;
      if (entry == nullptr && (*code == 0 || *code > most)) {
        refuse_name(fmt::format("is no option: {} numbers are 1 to {}", protocol(), most));
        return;
      }
      const DhcpOptionEntry unnamed{rest, static_cast<std::uint16_t>(*code), DhcpValueType::kFree,
                                    DhcpOptionPlace::kOption};
      take(entry == nullptr ? unnamed : *entry);
      return;
    }
    entry = find_dhcp_option(v6_, rest);
    if (entry == nullptr) {
      refuse_name(fmt::format("is no {} option that has a name: give its number", protocol()));
      return;
    }
    take(*entry);
  }

 private:
  [[nodiscard]] std::string_view protocol() const { return v6_ ? "DHCPv6" : "DHCPv4"; }

  void refuse_name(std::string_view message) { reader_.refuse(path_ + ".name", name_, message); }
  void refuse_value(std::string_view expected) {
    reader_.refuse(
        path_ + ".value", value_,
        fmt::format("is no value of the option '{}', which must be {}", name_, expected));
  }

  void read_ipv6_mode() {
    struct Mode {
      std::string_view name;
      Ipv6AddressMode mode;
    };
    static constexpr std::array<Mode, 3> kModes = {{
        {"slaac", Ipv6AddressMode::kSlaac},
        {"dhcpv6-stateful", Ipv6AddressMode::kDhcpv6Stateful},
        {"dhcpv6-stateless", Ipv6AddressMode::kDhcpv6Stateless},
    }};
    if (spec_.cidr.address.is_v4()) {
      refuse_name("is for IPv6 subnets");
      return;
    }
    const std::string value = to_lower(value_);
    const auto* found = std::find_if(kModes.begin(), kModes.end(),
                                     [&value](const Mode& mode) { return mode.name == value; });
    if (found == kModes.end()) {
      refuse_value("slaac, dhcpv6-stateful or dhcpv6-stateless");
    } else if (spec_.ipv6_address_mode.value_or(found->mode) != found->mode) {
      reader_.refuse(path_ + ".value", value_,
                     "differs between ipv6_address_mode and ipv6_ra_mode: the agent's data plane "
                     "is server and router in one and knows one mode");
    } else {
      spec_.ipv6_address_mode = found->mode;
    }
  }

  void take(const DhcpOptionEntry& entry) {
    if (entry.place == DhcpOptionPlace::kRefused) {
      refuse_name(fmt::format("can't be chosen: {} itself decides what option {} says", protocol(),
                              entry.code));
      return;
    }
    const auto bytes = encode_dhcp_value(entry.type, v6_, value_);
    if (!bytes) {
      // Lifetimes may also be written as dnsmasq does: 12h.
      if (entry.place != DhcpOptionPlace::kLeaseTime || !take_lease_time()) {
        refuse_value(describe(entry.type, v6_));
      }
      return;
    }
    switch (entry.place) {
      case DhcpOptionPlace::kOption:
      case DhcpOptionPlace::kRefused:
        add_option(entry.code, *bytes);
        break;
      case DhcpOptionPlace::kNextServer:
        take_next_server();
        break;
      case DhcpOptionPlace::kMtu:
        take_mtu();
        break;
      case DhcpOptionPlace::kLeaseTime:
        if (!take_lease_time()) {
          refuse_value("at least 1 second");
        }
        break;
      case DhcpOptionPlace::kDomainName:
        if (!is_domain_name(value_)) {
          refuse_value("a domain name");
        }
        spec_.domain_name = value_;
        break;
      case DhcpOptionPlace::kDomainSearch:
        spec_.domain_search.clear();
        for (const std::string_view name : split_list(value_)) {
          spec_.domain_search.emplace_back(name);
        }
        break;
      case DhcpOptionPlace::kDnsServers:
        take_dns_servers();
        break;
    }
  }

  // Router advertisements name them too.
  void take_dns_servers() {
    std::erase_if(spec_.dns_servers,
                  [this](const IpAddress& server) { return server.is_v4() != v6_; });
    for (std::string_view part : split_list(value_)) {
      if (part.front() == '[') {
        part = part.substr(1, part.size() - 2);
      }
      spec_.dns_servers.push_back(*IpAddress::parse(part));
    }
  }

  void take_mtu() {
    constexpr std::uint64_t kLeastV4 = 68;    // RFC 791, 3.2
    constexpr std::uint64_t kLeastV6 = 1280;  // RFC 8200, 5
    const std::uint64_t least = v6_ ? kLeastV6 : kLeastV4;
    const std::uint64_t mtu = parse_number(value_).value_or(0);
    if (mtu < least) {
      refuse_value(fmt::format("a number from {} to 65535", least));
      return;
    }
    spec_.mtu = static_cast<std::uint32_t>(mtu);
  }

  // Seconds, or a number with a unit, or "infinite"; false if it is none.
  bool take_lease_time() {
    constexpr std::uint64_t kInfinite = std::numeric_limits<std::uint32_t>::max();
    const std::string value = to_lower(value_);
    std::string_view digits = value;
    std::uint64_t unit = 1;
    if (value == "infinite") {
      spec_.lease_seconds = kInfinite;
      return true;
    }
    constexpr std::array<std::pair<char, std::uint64_t>, 5> kUnits = {
        {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}}};
    for (const auto& [letter, seconds] : kUnits) {
      if (digits.ends_with(letter)) {
        unit = seconds;
        digits.remove_suffix(1);
        break;
      }
    }
    const auto number = parse_number(digits);
    if (!number || *number == 0 || *number > kInfinite / unit) {
      return false;
    }
    spec_.lease_seconds = static_cast<std::uint32_t>(*number * unit);
    return true;
  }

  // What boots from the network asks for it in the header, in option 66, or in both: an option
  // given as such wins.
  void take_next_server() {
    constexpr std::uint16_t kTftpServer = 66;
    const auto& options = spec_.dhcpv4_options;
    if (std::none_of(options.begin(), options.end(),
                     [](const auto& option) { return option.code == kTftpServer; })) {
      add_option(kTftpServer, value_);
    }
  }

  void add_option(std::uint16_t code, const std::string& data) {
    auto& options = v6_ ? spec_.dhcpv6_options : spec_.dhcpv4_options;
    std::erase_if(options, [code](const auto& option) { return option.code == code; });
    const std::size_t longest = v6_ ? kLongestV6Option : kLongestV4Option;
    if (data.size() > longest) {
      refuse_value(fmt::format("up to {} bytes long", longest));
      return;
    }
    std::size_t total = data.size();
    for (const auto& option : options) {
      total += option.data.size();
    }
    if (!v6_ && total > kMostV4Bytes) {
      reader_.refuse(
          path_ + ".value", value_,
          fmt::format("makes {} bytes of options: there is room for {}", total, kMostV4Bytes));
      return;
    }
    options.push_back({code, data});
  }

  std::string path_;
  const std::string& name_;
  const std::string& value_;
  FieldReader& reader_;
  SubnetSpec& spec_;
  bool v6_ = false;
};

}  // namespace

void read_subnet_options(const alcor::schema::SubnetConfiguration& configuration,
                         FieldReader& reader, SubnetSpec& spec) {
  const auto& options = configuration.extra_dhcp_options();
  if (!reader.list("configuration.extra_dhcp_options", options.size())) {
    return;
  }
  for (int i = 0; i < options.size() && !reader.refused(); ++i) {
    SubnetOption{i, options[i].name(), options[i].value(), reader, spec}.read();
  }
}

}  // namespace alkaid::agent
