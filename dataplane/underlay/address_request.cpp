#include "dataplane/underlay/address_request.hpp"

#include "dataplane/nd/nd_message.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/headers.hpp"
#include "dataplane/packet/link_local.hpp"

namespace alkaid {
namespace {

void append_link(AddressRequest& request, const AddressRequestFields& fields,
                 const MacAddress& destination, std::uint16_t ether_type) {
  const BigEndian16 type{ether_type};
  if (fields.vlan == 0) {
    request.append(EthernetHeader{destination, fields.own_mac, type});
  } else {
    request.append(EthernetHeader{destination, fields.own_mac, BigEndian16{ether_type::kVlan}});
    request.append(VlanTag{BigEndian16{fields.vlan}, type});
  }
}

// RFC 4291, 2.7.1.
IpAddress solicited_node_group(const IpAddress& address) {
  return IpAddress::from_numbers(0xff02000000000000ULL,
                                 0x00000001ff000000ULL | (address.low() & 0xffffffULL));
}

AddressRequest make_arp_request(const AddressRequestFields& fields) {
  AddressRequest request;
  append_link(request, fields, fields.known.value_or(kBroadcastMac), ether_type::kArp);
  request.append(ArpHeader{.hardware_type = BigEndian16{1},
                           .protocol_type = BigEndian16{ether_type::kIpv4},
                           .hardware_length = sizeof(MacAddress),
                           .protocol_length = sizeof(Ipv4Address),
                           .operation = BigEndian16{ArpHeader::kRequest},
                           .sender_mac = fields.own_mac,
                           .sender_ip = fields.own_ip.v4(),
                           .target_mac = {},
                           .target_ip = fields.target.v4()});
  return request;
}

struct Solicitation {
  NdNeighborHeader header;
  NdLinkAddressOption source;
};
static_assert(sizeof(Solicitation) == 32);

AddressRequest make_solicitation(const AddressRequestFields& fields) {
  const IpAddress destination = fields.known ? fields.target : solicited_node_group(fields.target);
  AddressRequest request;
  append_link(request, fields, fields.known.value_or(multicast_mac(destination)),
              ether_type::kIpv6);
  const Ipv6Header ip{.version_class_label = BigEndian32{6U << 28},
                      .payload_length = BigEndian16{sizeof(Solicitation)},
                      .next_header = ip_protocol::kIcmpv6,
                      .hop_limit = 255,
                      .source = fields.own_ip.bytes(),
                      .destination = destination.bytes()};
  Solicitation message{
      .header = {icmpv6_type::kNeighborSolicitation, 0, {}, {}, fields.target.bytes()},
      .source = {nd_option::kSourceLinkAddress, 1, fields.own_mac}};
  const std::uint64_t sum = ipv6_pseudo_header_sum(ip, ip_protocol::kIcmpv6, sizeof(message));
  message.header.checksum = checksum_finish(checksum_add(sum, &message, sizeof(message)));
  request.append(ip);
  request.append(message);
  return request;
}

}  // namespace

AddressRequest make_address_request(const AddressRequestFields& fields) {
  return fields.target.is_v4() ? make_arp_request(fields) : make_solicitation(fields);
}

}  // namespace alkaid
