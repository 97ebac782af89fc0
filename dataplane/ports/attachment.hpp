// How a port attaches: "KIND:ARGUMENT".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/xdp/xdp_attachment.hpp"

namespace alkaid {

enum class AttachmentKind { kAfPacket, kAfXdp, kTap, kRing, kPcap, kNull, kVlan, kDevice, kVhost };

struct Attachment {
  AttachmentKind kind = AttachmentKind::kNull;
  std::string device;  // af_packet, af_xdp, tap, ring: a name; vlan: the trunk's; dev: DPDK's name;
                       // vhost-user: the socket's path
  std::string rx_file;                        // pcap: input, may be empty
  std::string tx_file;                        // pcap: output, may be empty
  bool pcap_loop = false;                     // pcap: send the input for ever, from memory
  std::uint16_t vlan = 0;                     // vlan: 1 to 4094
  std::uint16_t queues = 0;                   // af_packet, dev: to receive by, at most; 0: not said
  bool is_server = false;                     // vhost-user: we make the socket
  XdpMode xdp_mode = XdpMode::kAutomatic;     // af_xdp
  std::optional<UplinkFilter> uplink_filter;  // uplinks: what is ours; else everything

  // Whatever is said of how it is used.
  [[nodiscard]] bool is_same_device_as(const Attachment& other) const {
    return kind == other.kind && device == other.device && rx_file == other.rx_file &&
           tx_file == other.tx_file && vlan == other.vlan;
  }

  // A port of a tenant's, no device of the host's: VLANs of a trunk, virtio devices of guests.
  [[nodiscard]] bool is_for_guests_only() const {
    return kind == AttachmentKind::kVlan || kind == AttachmentKind::kVhost;
  }
  // Whether the device is one of the kernel's that others create.
  [[nodiscard]] bool binds_kernel_device() const {
    return kind == AttachmentKind::kAfPacket || kind == AttachmentKind::kAfXdp;
  }

  // dev:NAME[,queues=N], af_packet:DEVICE[,queues=N], af_xdp:DEVICE[,mode=native|generic],
  // tap:NAME, ring:NAME, pcap:rx=FILE,tx=FILE[,loop=1], null:, and for guests vlan:TRUNK/VID,
  // vhost-user:/PATH and vhost-user-server:/PATH: nullopt with a text that names what is wrong and
  // lists the valid forms.
  static std::optional<Attachment> parse(std::string_view text, std::string& error);
};

// More than a worker can have of a device make no sense.
inline constexpr std::uint16_t kMostQueues = 64;

// What the kernel takes as a device's name, and we as a trunk's; ',' and '=' are not among it.
bool is_device_name(std::string_view name);

}  // namespace alkaid
