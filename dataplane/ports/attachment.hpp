// How a port attaches: "KIND:ARGUMENT".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace alkaid {

enum class AttachmentKind { kAfPacket, kTap, kRing, kPcap, kNull };

struct Attachment {
  AttachmentKind kind = AttachmentKind::kNull;
  std::string device;      // af_packet, tap, ring: a name
  std::string rx_file;     // pcap: input, may be empty
  std::string tx_file;     // pcap: output, may be empty
  bool pcap_loop = false;  // pcap: send the input for ever, from memory

  bool operator==(const Attachment&) const = default;

  // af_packet:DEVICE, tap:NAME, ring:NAME, pcap:rx=FILE,tx=FILE[,loop=1], null:
  // nullopt with a text that names what is wrong and lists the valid forms.
  static std::optional<Attachment> parse(std::string_view text, std::string& error);
};

}  // namespace alkaid
