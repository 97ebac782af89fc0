#include "control/console/explain/packet_words.hpp"

#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "control/common/logging.hpp"
#include "control/common/net/mac_address.hpp"
#include "control/console/words.hpp"

namespace alkaid::console {
namespace {

using dataplane::v1::ExplainRequest;

std::optional<std::uint32_t> parse_number(std::string_view text, std::uint32_t largest) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && number <= largest
             ? std::optional{number}
             : std::nullopt;
}

constexpr std::pair<std::string_view, std::uint8_t> kTcpFlags[] = {
    {"fin", 1}, {"syn", 2}, {"rst", 4}, {"psh", 8}, {"ack", 16}, {"urg", 32},
};

std::optional<std::uint8_t> find_flag(std::string_view name) {
  for (const auto& [known, bit] : kTcpFlags) {
    if (known == name) {
      return bit;
    }
  }
  return std::nullopt;
}

// Sets a field from its word; false if the word is wrong.
struct Option {
  std::string_view name;
  std::string_view wants;
  bool (*set)(std::string_view value, ExplainRequest& request);
};

template <auto Set>
bool set_number(std::string_view value, std::uint32_t largest, ExplainRequest& request) {
  const auto number = parse_number(value, largest);
  if (number) {
    (request.*Set)(*number);
  }
  return number.has_value();
}

template <auto Set>
bool set_mac(std::string_view value, ExplainRequest& request) {
  const auto mac = MacAddress::parse(value);
  if (mac) {
    (request.*Set)(mac->number());
  }
  return mac.has_value();
}

constexpr Option kOptions[] = {
    {"flags", "TCP flags such as syn,ack",
     [](std::string_view value, ExplainRequest& request) {
       const auto flags = parse_tcp_flags(value);
       if (flags) {
         request.set_tcp_flags(*flags);
       }
       return flags.has_value();
     }},
    {"type", "an ICMP type, 0 to 255",
     [](std::string_view value, ExplainRequest& request) {
       return set_number<&ExplainRequest::set_icmp_type>(value, UINT8_MAX, request);
     }},
    {"code", "an ICMP code, 0 to 255",
     [](std::string_view value, ExplainRequest& request) {
       return set_number<&ExplainRequest::set_icmp_code>(value, UINT8_MAX, request);
     }},
    {"ttl", "a TTL or hop limit, 1 to 255",
     [](std::string_view value, ExplainRequest& request) {
       return value != "0" && set_number<&ExplainRequest::set_ttl>(value, UINT8_MAX, request);
     }},
    {"length", "the IP packet's length in bytes, up to 65535",
     [](std::string_view value, ExplainRequest& request) {
       return set_number<&ExplainRequest::set_length>(value, UINT16_MAX, request);
     }},
    {"source-mac", "a MAC address", set_mac<&ExplainRequest::set_source_mac>},
    {"destination-mac", "a MAC address", set_mac<&ExplainRequest::set_destination_mac>},
};

const Option* find_option(std::string_view name) {
  for (const Option& option : kOptions) {
    if (option.name == name) {
      return &option;
    }
  }
  return nullptr;
}

std::string option_names() {
  std::string names;
  for (const Option& option : kOptions) {
    names += (names.empty() ? "" : ", ") + std::string{option.name};
  }
  return names;
}

}  // namespace

std::optional<PacketEnd> parse_packet_end(std::string_view text) {
  std::string_view port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) {
      return std::nullopt;
    }
    const std::string_view behind = text.substr(close + 1);
    text = text.substr(1, close - 1);
    if (text.find(':') == std::string_view::npos || (!behind.empty() && !behind.starts_with(':'))) {
      return std::nullopt;
    }
    if (!behind.empty()) {
      port = behind;
    }
  } else if (const auto colon = text.find(':');
             colon != std::string_view::npos &&
             text.find(':', colon + 1) == std::string_view::npos) {
    port = text.substr(colon);
    text = text.substr(0, colon);
  }
  const auto address = IpAddress::parse(text);
  const auto number =
      port.empty() ? std::optional<std::uint32_t>{0} : parse_number(port.substr(1), UINT16_MAX);
  if (!address || !number) {
    return std::nullopt;
  }
  return PacketEnd{*address, static_cast<std::uint16_t>(*number)};
}

std::optional<std::uint8_t> parse_tcp_flags(std::string_view text) {
  std::uint8_t flags = 0;
  while (true) {
    const auto comma = text.find(',');
    const auto flag = find_flag(text.substr(0, comma));
    if (!flag) {
      return std::nullopt;
    }
    flags |= *flag;
    if (comma == std::string_view::npos) {
      return flags;
    }
    text.remove_prefix(comma + 1);
  }
}

std::optional<std::string> parse_packet_options(std::string_view text, ExplainRequest& request) {
  const auto words = split_words(text).words;
  for (std::size_t i = 0; i < words.size(); i += 2) {
    const Option* option = find_option(words[i].text);
    if (option == nullptr) {
      return fmt::format("\"{}\": expected one of {}", printable(words[i].text, 64),
                         option_names());
    }
    if (i + 1 == words.size()) {
      return fmt::format("{}: expected {}", option->name, option->wants);
    }
    if (!option->set(words[i + 1].text, request)) {
      return fmt::format("{} \"{}\": expected {}", option->name, printable(words[i + 1].text, 64),
                         option->wants);
    }
  }
  return std::nullopt;
}

}  // namespace alkaid::console
