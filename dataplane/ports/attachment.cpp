#include "dataplane/ports/attachment.hpp"

#include <net/if.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include <fmt/format.h>

#include "control/common/logging.hpp"
#include "control/common/socket_path.hpp"
#include "dataplane/vlan/vlan_ports.hpp"

namespace alkaid {
namespace {

constexpr std::string_view kForms =
    "dev:NAME[,queues=N] (a DPDK device), af_packet:DEVICE[,queues=N], "
    "af_xdp:DEVICE[,mode=native|generic], tap:NAME, ring:NAME, "
    "pcap:rx=FILE,tx=FILE[,loop=1], "
    "null:, and for guests vlan:TRUNK/VID, vhost-user:/PATH or vhost-user-server:/PATH";

// As DPDK names devices: "0000:3b:00.0", "0000:3b:00.0_representor_vf0", "net_null0".
bool parse_dpdk_device(std::string_view name, Attachment& attachment, std::string& error) {
  constexpr std::size_t kLongest = 63;  // RTE_ETH_NAME_MAX_LEN with its end
  if (name.empty() || name.size() > kLongest ||
      !std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.' || c == ':';
      })) {
    error = fmt::format(
        "'{}' is no name of a DPDK device, such as 0000:3b:00.0, 0000:3b:00.0_representor_vf0 or "
        "net_null0 (1 to {} letters, digits, '_', '-', '.', ':')",
        printable(name), kLongest);
    return false;
  }
  attachment.kind = AttachmentKind::kDevice;
  attachment.device = name;
  return true;
}

bool parse_vlan(std::string_view argument, Attachment& attachment, std::string& error) {
  const auto slash = argument.find('/');
  const auto trunk = argument.substr(0, slash);
  const auto id = slash == std::string_view::npos ? std::string_view{} : argument.substr(slash + 1);
  const auto [end, failure] = std::from_chars(id.data(), id.data() + id.size(), attachment.vlan);
  if (!is_device_name(trunk) || id.empty() || failure != std::errc{} ||
      end != id.data() + id.size() || attachment.vlan == 0 || attachment.vlan > kHighestVlan) {
    error = fmt::format("'{}' is not TRUNK/VID, such as trunk0/100 (VID 1 to {})",
                        printable(argument), kHighestVlan);
    return false;
  }
  attachment.device = trunk;
  return true;
}

bool parse_socket(std::string_view path, Attachment& attachment, std::string& error) {
  if (!is_socket_path(path)) {
    error = fmt::format(
        "'{}' is no path of a socket, such as /run/alkaid/vhost/p1.sock (absolute, up to {} "
        "printable characters, no ',', '.' or '..')",
        printable(path), kLongestSocketPath);
    return false;
  }
  attachment.device = path;
  return true;
}

bool parse_pcap(std::string_view argument, Attachment& attachment, std::string& error) {
  while (!argument.empty()) {
    const auto comma = argument.find(',');
    const auto item = argument.substr(0, comma);
    argument = comma == std::string_view::npos ? std::string_view{} : argument.substr(comma + 1);
    if (item.starts_with("rx=")) {
      attachment.rx_file = item.substr(3);
    } else if (item.starts_with("tx=")) {
      attachment.tx_file = item.substr(3);
    } else if (item == "loop=1" || item == "loop=0") {
      attachment.pcap_loop = item == "loop=1";
    } else {
      error = fmt::format("'{}' is no option of pcap: (rx=FILE, tx=FILE, loop=1)", printable(item));
      return false;
    }
  }
  if (attachment.rx_file.empty() && attachment.tx_file.empty()) {
    error = "pcap: wants rx=FILE, tx=FILE or both";
    return false;
  }
  return true;
}

// Takes ",..." off.
std::string_view take_option(std::string_view& argument) {
  const auto comma = argument.find(',');
  const auto option = argument.substr(std::min(comma, argument.size()));
  argument = argument.substr(0, comma);
  return option;
}

bool parse_queues(std::string_view& argument, Attachment& attachment, std::string& error) {
  constexpr std::string_view kOption = ",queues=";
  const auto option = take_option(argument);
  if (option.empty()) {
    return true;
  }
  const auto number = option.substr(std::min(kOption.size(), option.size()));
  const auto [end, failure] =
      std::from_chars(number.data(), number.data() + number.size(), attachment.queues);
  if (!option.starts_with(kOption) || failure != std::errc{} ||
      end != number.data() + number.size() || attachment.queues == 0 ||
      attachment.queues > kMostQueues) {
    error = fmt::format("'{}' is no option of the device: queues=N (1 to {})",
                        printable(option.substr(1)), kMostQueues);
    return false;
  }
  return true;
}

bool parse_xdp_mode(std::string_view& argument, Attachment& attachment, std::string& error) {
  const auto option = take_option(argument);
  if (option == ",mode=native") {
    attachment.xdp_mode = XdpMode::kNative;
  } else if (option == ",mode=generic") {
    attachment.xdp_mode = XdpMode::kGeneric;
  } else if (!option.empty()) {
    error = fmt::format("'{}' is no option of af_xdp: (mode=native, mode=generic)",
                        printable(option.substr(1)));
    return false;
  }
  return true;
}

}  // namespace

bool is_device_name(std::string_view name) {
  return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
         });
}

std::optional<Attachment> Attachment::parse(std::string_view text, std::string& error) {
  const auto colon = text.find(':');
  const auto kind = text.substr(0, colon);
  auto argument = colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
  Attachment attachment;
  if (kind == "null") {
    attachment.kind = AttachmentKind::kNull;
    return attachment;
  }
  if (kind == "pcap") {
    attachment.kind = AttachmentKind::kPcap;
    if (!parse_pcap(argument, attachment, error)) {
      return std::nullopt;
    }
    return attachment;
  }
  if (kind == "dev") {
    return parse_queues(argument, attachment, error) &&
                   parse_dpdk_device(argument, attachment, error)
               ? std::optional{attachment}
               : std::nullopt;
  }
  if (kind == "vlan") {
    attachment.kind = AttachmentKind::kVlan;
    if (!parse_vlan(argument, attachment, error)) {
      return std::nullopt;
    }
    return attachment;
  }
  if (kind == "vhost-user" || kind == "vhost-user-server") {
    attachment.kind = AttachmentKind::kVhost;
    attachment.is_server = kind == "vhost-user-server";
    return parse_socket(argument, attachment, error) ? std::optional{attachment} : std::nullopt;
  }
  if (kind == "af_packet") {
    attachment.kind = AttachmentKind::kAfPacket;
    if (!parse_queues(argument, attachment, error)) {
      return std::nullopt;
    }
  } else if (kind == "af_xdp") {
    attachment.kind = AttachmentKind::kAfXdp;
    if (!parse_xdp_mode(argument, attachment, error)) {
      return std::nullopt;
    }
  } else if (kind == "tap") {
    attachment.kind = AttachmentKind::kTap;
  } else if (kind == "ring") {
    attachment.kind = AttachmentKind::kRing;
  } else {
    error = fmt::format("'{}' is no attachment that this data plane has; it has {}",
                        printable(text), kForms);
    return std::nullopt;
  }
  if (!is_device_name(argument)) {
    error = fmt::format("'{}' is no device name (1 to {} letters, digits, '_', '-', '.')",
                        printable(argument), IFNAMSIZ - 1);
    return std::nullopt;
  }
  attachment.device = argument;
  return attachment;
}

}  // namespace alkaid
