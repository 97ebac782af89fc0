// How a port attaches: "KIND:ARGUMENT".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace alkaid {

enum class AttachmentKind { kAfPacket, kAfXdp, kTap, kRing, kPcap, kNull };

struct Attachment {
  AttachmentKind kind = AttachmentKind::kNull;
  std::string device;      // af_packet, af_xdp, tap, ring: a name
  std::string rx_file;     // pcap: input, may be empty
  std::string tx_file;     // pcap: output, may be empty
  bool pcap_loop = false;  // pcap: send the input for ever, from memory

  bool operator==(const Attachment&) const = default;

  // Whether the device is one of the kernel's that others create.
  [[nodiscard]] bool binds_kernel_device() const {
    return kind == AttachmentKind::kAfPacket || kind == AttachmentKind::kAfXdp;
  }

  // af_packet:DEVICE, af_xdp:DEVICE, tap:NAME, ring:NAME, pcap:rx=FILE,tx=FILE[,loop=1], null:
  // nullopt with a text that names what is wrong and lists the valid forms.
  static std::optional<Attachment> parse(std::string_view text, std::string& error);
};

}  // namespace alkaid
