#include "control/agent/port_attach.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "control/agent/vlan/open_vlan.hpp"
#include "control/common/logging.hpp"
#include "control/common/socket_path.hpp"

namespace alkaid::agent {
namespace {

constexpr std::string_view kVhost = "vhost-user";
constexpr std::string_view kVhostServer = "vhost-user-server";
constexpr std::array<std::string_view, 10> kKinds = {
    "af_packet", "af_xdp", "tap", "ring", "pcap", "null", "vlan", "dev", kVhost, kVhostServer};
constexpr std::string_view kPlaceholders = "{tap_name}, {port_id}, {port_name}, {device_id}, {mac}";
constexpr std::string_view kKindNames =
    "af_packet, af_xdp, tap, ring, pcap, null, vlan, dev, vhost-user, vhost-user-server";
constexpr std::size_t kLongestTapName = 14;
constexpr std::size_t kLongestDeviceName = 15;
constexpr std::size_t kLongestValue = 255;

// No separators of paths or device arguments, no blanks, nothing unprintable.
bool is_safe_name(std::string_view text) {
  return text.size() <= kLongestValue && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return c > ' ' && c < '\x7f' && c != '/' && c != ',' && c != '=' && c != '\\';
         });
}

// What the kernel takes as a device's name; the data plane has the same rule.
bool is_device_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestDeviceName && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.';
         });
}

bool names_socket(std::string_view kind) {
  return kind == kVhost || kind == kVhostServer;
}

bool names_device(std::string_view kind) {
  return kind != "pcap" && kind != "null" && kind != "vlan" && kind != "dev" && !names_socket(kind);
}

// What the data plane takes behind a device's name: queues=N of af_packet, mode=... of af_xdp.
bool is_device_option(std::string_view kind, std::string_view option) {
  constexpr std::string_view kQueues = "queues=";
  if (kind == "af_xdp") {
    return option == "mode=native" || option == "mode=generic";
  }
  if (kind != "af_packet" || !option.starts_with(kQueues)) {
    return false;
  }
  option.remove_prefix(kQueues.size());
  return !option.empty() && option.size() <= 2 && option.front() != '0' &&
         std::all_of(option.begin(), option.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Placeholders can't stand for ',' or '=', so a template's options are those of every port.
bool is_pcap_text(std::string_view text) {
  bool has_file = false;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    if (item.starts_with("rx=") || item.starts_with("tx=")) {
      has_file = has_file || item.size() > 3;
    } else if (item != "loop=0" && item != "loop=1") {
      return false;
    }
  }
  return has_file;
}

}  // namespace

std::string tap_name(std::string_view port_id) {
  std::string name = "tap";
  name += port_id.substr(0, kLongestTapName - name.size());
  return name;
}

std::optional<PortAttach> PortAttach::parse(std::string_view text, std::string& error) {
  const auto colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  if (colon == std::string_view::npos ||
      std::find(kKinds.begin(), kKinds.end(), kind) == kKinds.end()) {
    error = fmt::format("'{}' must be KIND:TEXT; kinds: {}", printable(text), kKindNames);
    return std::nullopt;
  }

  std::string_view rest = text.substr(colon + 1);
  if (const auto comma = rest.find(','); names_device(kind) && comma != std::string_view::npos &&
                                         is_device_option(kind, rest.substr(comma + 1))) {
    rest = rest.substr(0, comma);
  }
  if (kind == "pcap" && !is_pcap_text(rest)) {
    error = fmt::format("'{}' must be pcap:rx=FILE,tx=FILE[,loop=1]", printable(text));
    return std::nullopt;
  }
  if (names_device(kind) && (rest.empty() || rest.find(',') != std::string_view::npos ||
                             (rest.find('{') == std::string_view::npos && !is_device_name(rest)))) {
    error = fmt::format("'{}' names no device: 1 to {} letters, digits, '_', '-', '.' after '{}:'",
                        printable(text), kLongestDeviceName, kind);
    return std::nullopt;
  }

  const bool is_open = OpenVlan::parse(text).has_value();
  if (kind == "vlan" && !is_open &&
      (text.find("{vlan") != std::string_view::npos ||
       (rest.find('{') == std::string_view::npos && !VlanAttachment::parse(text)))) {
    error = fmt::format(
        "'{}' names no VLAN: vlan:TRUNK/VID, where VID is 1 to {} or a placeholder, or "
        "vlan:TRUNK[,TRUNK...]/{{vlan}} or .../{{vlan:FIRST-LAST}} for a free one",
        printable(text), kHighestVlan);
    return std::nullopt;
  }

  // What a placeholder stands for can't make a bad path good.
  if (names_socket(kind) && !is_socket_path(rest)) {
    error = fmt::format(
        "'{}' names no socket: an absolute path of up to {} printable characters, such as "
        "{}:/run/alkaid/vhost/{{port_id}}.sock",
        printable(text), kLongestSocketPath, kind);
    return std::nullopt;
  }

  PortAttach attach;
  attach.text_ = text;
  attach.names_device_ = names_device(kind);
  attach.names_socket_ = names_socket(kind);
  attach.names_vlan_ = kind == "vlan" && !is_open;
  if (is_open) {
    attach.pieces_.push_back({std::string{text}, {}});
    return attach;
  }
  std::size_t position = 0;
  while (position < text.size()) {
    const auto open = text.find('{', position);
    attach.pieces_.push_back({std::string{text.substr(position, open - position)}, {}});
    if (open == std::string_view::npos) {
      break;
    }
    const auto close = text.find('}', open);
    const std::string_view name = text.substr(
        open, close == std::string_view::npos ? std::string_view::npos : close + 1 - open);
    const std::pair<std::string_view, Placeholder> known[] = {
        {"{tap_name}", Placeholder::kTapName},
        {"{port_id}", Placeholder::kPortId},
        {"{port_name}", Placeholder::kPortName},
        {"{device_id}", Placeholder::kDeviceId},
        {"{mac}", Placeholder::kMac},
    };
    const auto* found = std::find_if(std::begin(known), std::end(known),
                                     [&](const auto& entry) { return entry.first == name; });
    if (found == std::end(known)) {
      error = fmt::format("'{}' has the unknown placeholder '{}'; placeholders: {}",
                          printable(text), printable(name), kPlaceholders);
      return std::nullopt;
    }
    attach.pieces_.push_back({{}, found->second});
    position = close + 1;
  }
  return attach;
}

std::optional<std::string> PortAttach::expand(const PortNames& names, Refusal& refusal) const {
  std::string result;
  std::string_view field = "configuration.id";
  for (const Piece& piece : pieces_) {
    std::string value;
    switch (piece.placeholder) {
      case Placeholder::kNone:
        result += piece.literal;
        continue;
      case Placeholder::kTapName:
        field = "configuration.id";
        value = tap_name(names.port_id);
        break;
      case Placeholder::kPortId:
        field = "configuration.id";
        value = names.port_id;
        break;
      case Placeholder::kPortName:
        field = "configuration.name";
        value = names.port_name;
        break;
      case Placeholder::kDeviceId:
        field = "configuration.device_id";
        value = names.device_id;
        break;
      case Placeholder::kMac:
        field = "configuration.mac_address";
        value = names.mac;
        break;
    }
    if (value.empty() || !is_safe_name(value)) {
      refusal = {std::string{field}, printable(value),
                 fmt::format("can't stand in the attachment '{}': 1 to {} printable characters "
                             "without blanks and / \\ , =; --port-attach chooses another template",
                             text_, kLongestValue)};
      return std::nullopt;
    }
    result += value;
  }
  const std::string_view device = std::string_view{result}.substr(result.find(':') + 1);
  const auto refuse = [&](std::string_view what, std::string_view form) {
    refusal = {std::string{field}, printable(device),
               fmt::format("is no {}, which the attachment '{}' needs{}; --port-attach chooses "
                           "another template",
                           what, text_, form)};
    return std::nullopt;
  };
  if (names_device_ && !is_device_name(device.substr(0, device.find(',')))) {
    return refuse("device name",
                  fmt::format(": 1 to {} letters, digits, '_', '-', '.'", kLongestDeviceName));
  }
  if (names_socket_ && !is_socket_path(device)) {
    return refuse("path of a socket",
                  fmt::format(": up to {} printable characters", kLongestSocketPath));
  }
  if (names_vlan_ && !VlanAttachment::parse(result)) {
    return refuse(fmt::format("VLAN of a trunk (TRUNK/VID, VID 1 to {})", kHighestVlan), "");
  }
  return result;
}

}  // namespace alkaid::agent
