#include "dataplane/announce/announcement.hpp"

#include <cstring>

#include "dataplane/packet/link_local.hpp"

namespace alkaid {
namespace {

struct ArpAnnouncement {
  EthernetHeader ethernet;
  ArpHeader arp;
};

}  // namespace

AnnouncementFrame make_announcement(const IpAddress& address, const MacAddress& mac,
                                    bool is_router) {
  AnnouncementFrame frame;
  if (!address.is_v4()) {
    write_neighbor_advertisement(
        frame.bytes, {.link_destination = multicast_mac(kAllNodes),
                      .mac = mac,
                      .destination = kAllNodes,
                      .target = address,
                      .flags = NdNeighborHeader::kOverride |
                               (is_router ? NdNeighborHeader::kRouter : std::uint32_t{0})});
    frame.length = frame.bytes.size();
    return frame;
  }
  ArpAnnouncement announcement{};
  announcement.ethernet = {kBroadcastMac, mac, BigEndian16{ether_type::kArp}};
  announcement.arp = {.hardware_type = BigEndian16{1},
                      .protocol_type = BigEndian16{ether_type::kIpv4},
                      .hardware_length = sizeof(MacAddress),
                      .protocol_length = sizeof(Ipv4Address),
                      .operation = BigEndian16{ArpHeader::kRequest},
                      .sender_mac = mac,
                      .sender_ip = address.v4(),
                      .target_mac = {},
                      .target_ip = address.v4()};
  std::memcpy(frame.bytes.data(), &announcement, sizeof(announcement));
  frame.length = sizeof(announcement);
  return frame;
}

}  // namespace alkaid
