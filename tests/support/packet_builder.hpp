// Builds test packets, layer by layer:
//
//   packet().ethernet({.source = a, .destination = b})
//           .ipv4({.source = x, .destination = y, .ttl = 3})
//           .udp({.source_port = 68, .destination_port = 67})
//           .payload(bytes)
//           .build()
//
// Types, protocols, lengths and checksums come out right unless a field says otherwise: every field
// of type std::optional is computed when absent and written as it is, right or wrong, when given.
// What may follow what is checked at compile time. A builder can be copied and continued in two
// ways.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/packet/headers.hpp"
#include "tests/support/naive_checksum.hpp"
#include "tests/support/packet_fields.hpp"

namespace alkaid::test {

namespace detail {

struct Layer {
  // Its number in the layer below (EtherType, IP protocol); absent for payload and after UDP.
  std::optional<std::uint16_t> number;
  // IP only: addresses of the pseudo-header as they lie in the packet.
  Bytes addresses;
  // Puts the header in front of `inner`, which holds everything above, finished.
  std::function<Bytes(const Layer* below, const Layer* above, Bytes inner)> finish;
};

template <class Header>
Bytes join(const Header& header, const Bytes& options, const Bytes& inner) {
  Bytes bytes(sizeof(Header) + options.size() + inner.size());
  std::memcpy(bytes.data(), &header, sizeof(Header));
  const auto behind_header = bytes.begin() + sizeof(Header);
  std::copy(inner.begin(), inner.end(), std::copy(options.begin(), options.end(), behind_header));
  return bytes;
}

inline void put_big_endian16(Bytes& bytes, std::size_t offset, std::uint16_t value) {
  bytes[offset] = static_cast<std::uint8_t>(value >> 8);
  bytes[offset + 1] = static_cast<std::uint8_t>(value);
}

inline Bytes pad_options(Bytes options) {
  options.resize((options.size() + 3) / 4 * 4);
  return options;
}

// Checksum of an L4 packet with the pseudo-header of the IP layer below it. IPv4's and IPv6's
// pseudo-headers have the same sum for lengths below 2^16.
inline std::uint16_t l4_checksum(const Layer& ip, std::uint16_t protocol, const Bytes& bytes) {
  std::uint16_t sum = naive_sum(ip.addresses);
  Bytes rest(4);
  put_big_endian16(rest, 0, protocol);
  put_big_endian16(rest, 2, static_cast<std::uint16_t>(bytes.size()));
  sum = naive_sum(rest, sum);
  return naive_checksum(bytes, sum);
}

inline std::uint16_t number_of(const Layer* layer, std::uint16_t otherwise) {
  return layer != nullptr && layer->number ? *layer->number : otherwise;
}

// The next header of an IPv6 layer: what follows, ICMP being ICMPv6 there.
inline std::uint8_t icmpv6_for_icmp(const Layer* above) {
  const auto number = static_cast<std::uint8_t>(number_of(above, kExperimentalProtocol));
  return number == ip_protocol::kIcmp ? ip_protocol::kIcmpv6 : number;
}

}  // namespace detail

enum class LayerKind { kNothing, kEthernet, kArp, kIp, kUdp, kL4, kVxlan, kPayload };

template <LayerKind Last>
class PacketBuilder {
 public:
  PacketBuilder() requires(Last == LayerKind::kNothing) = default;

  [[nodiscard]] auto ethernet(EthernetFields fields = {}) const
      requires(Last == LayerKind::kNothing || Last == LayerKind::kVxlan) {
    return with<LayerKind::kEthernet>(
        {.finish = [fields](const Layer*, const Layer* above, const Bytes& inner) {
          const EthernetHeader header{
              fields.destination, fields.source,
              BigEndian16{fields.type.value_or(detail::number_of(above, kExperimentalEtherType))}};
          return detail::join(header, {}, inner);
        }});
  }

  [[nodiscard]] auto vlan(VlanFields fields = {}) const requires(Last == LayerKind::kEthernet) {
    return with<LayerKind::kEthernet>(
        {.number = fields.tag_type,
         .finish = [fields](const Layer*, const Layer* above, const Bytes& inner) {
           const std::array<BigEndian16, 2> tag{
               BigEndian16{static_cast<std::uint16_t>(fields.priority << 13 | fields.id)},
               BigEndian16{fields.type.value_or(detail::number_of(above, kExperimentalEtherType))}};
           return detail::join(tag, {}, inner);
         }});
  }

  [[nodiscard]] auto arp(ArpFields fields = {}) const requires(Last == LayerKind::kEthernet) {
    return with<LayerKind::kArp>(
        {.number = ether_type::kArp,
         .finish = [fields](const Layer*, const Layer*, const Bytes& inner) {
           const ArpHeader header{BigEndian16{fields.hardware_type},
                                  BigEndian16{fields.protocol_type},
                                  fields.hardware_length,
                                  fields.protocol_length,
                                  BigEndian16{fields.operation},
                                  fields.sender_mac,
                                  fields.sender_ip,
                                  fields.target_mac,
                                  fields.target_ip};
           return detail::join(header, {}, inner);
         }});
  }

  [[nodiscard]] auto ipv4(Ipv4Fields fields = {}) const requires(Last == LayerKind::kEthernet) {
    const std::array<Ipv4Address, 2> addresses{fields.source, fields.destination};
    fields.options = detail::pad_options(fields.options);
    return with<LayerKind::kIp>(
        {.number = ether_type::kIpv4,
         .addresses = detail::join(addresses, {}, {}),
         .finish = [fields](const Layer*, const Layer* above, const Bytes& inner) {
           const std::size_t length = sizeof(Ipv4Header) + fields.options.size();
           const unsigned ihl = fields.ihl.value_or(static_cast<std::uint8_t>(length / 4));
           Ipv4Header header{};
           header.version_ihl = static_cast<std::uint8_t>(fields.version << 4 | (ihl & 0xf));
           header.tos = fields.tos;
           header.total_length = BigEndian16{
               fields.total_length.value_or(static_cast<std::uint16_t>(length + inner.size()))};
           header.identification = BigEndian16{fields.identification};
           header.flags_offset = BigEndian16{static_cast<std::uint16_t>(
               (fields.dont_fragment ? Ipv4Header::kDontFragment : 0) |
               (fields.more_fragments ? Ipv4Header::kMoreFragments : 0) | fields.fragment_offset)};
           header.ttl = fields.ttl;
           header.protocol = fields.protocol.value_or(
               static_cast<std::uint8_t>(detail::number_of(above, kExperimentalProtocol)));
           header.source = fields.source;
           header.destination = fields.destination;
           Bytes bytes = detail::join(header, fields.options, inner);
           // Over what the IHL claims, so that a test of a wrong IHL isn't one of the checksum.
           const std::size_t covered =
               std::min<std::size_t>(bytes.size(), std::max<std::size_t>(20, std::size_t{ihl} * 4));
           detail::put_big_endian16(bytes, offsetof(Ipv4Header, checksum),
                                    fields.checksum.value_or(naive_checksum(
                                        std::span<const std::uint8_t>{bytes}.first(covered))));
           return bytes;
         }});
  }

  [[nodiscard]] auto ipv6(Ipv6Fields fields = {}) const requires(Last == LayerKind::kEthernet) {
    const std::array<IpAddress, 2> addresses{fields.source, fields.destination};
    return with<LayerKind::kIp>(
        {.number = ether_type::kIpv6,
         .addresses = detail::join(addresses, {}, {}),
         .finish = [fields](const Layer*, const Layer* above, const Bytes& inner) {
           Ipv6Header header{};
           header.version_class_label =
               BigEndian32{static_cast<std::uint32_t>(fields.version) << 28 |
                           static_cast<std::uint32_t>(fields.traffic_class) << 20};
           header.payload_length = BigEndian16{
               fields.payload_length.value_or(static_cast<std::uint16_t>(inner.size()))};
           header.next_header = fields.next_header.value_or(detail::icmpv6_for_icmp(above));
           header.hop_limit = fields.hop_limit;
           header.source = fields.source.bytes();
           header.destination = fields.destination.bytes();
           return detail::join(header, {}, inner);
         }});
  }

  // An IPv6 extension header with 6 bytes and `more_words` times 8 of zeros behind its first two.
  [[nodiscard]] auto ipv6_extension(Ipv6ExtensionFields fields) const
      requires(Last == LayerKind::kIp) {
    const bool is_ah = fields.number == ip_protocol::kAuthentication;
    return with<LayerKind::kIp>(
        {.number = fields.number,
         .addresses = layers_.back().addresses,
         .finish = [fields, is_ah](const Layer*, const Layer* above, const Bytes& inner) {
           Bytes bytes(8 + fields.more_words * 8U);
           bytes[0] = fields.next_header.value_or(detail::icmpv6_for_icmp(above));
           bytes[1] = fields.length.value_or(
               static_cast<std::uint8_t>(is_ah ? fields.more_words * 2 : fields.more_words));
           bytes.insert(bytes.end(), inner.begin(), inner.end());
           return bytes;
         }});
  }

  [[nodiscard]] auto ipv6_fragment(Ipv6FragmentFields fields = {}) const
      requires(Last == LayerKind::kIp) {
    return with<LayerKind::kIp>(
        {.number = ip_protocol::kIpv6Fragment,
         .addresses = layers_.back().addresses,
         .finish = [fields](const Layer*, const Layer* above, const Bytes& inner) {
           const Ipv6FragmentHeader header{
               fields.next_header.value_or(detail::icmpv6_for_icmp(above)), 0,
               BigEndian16{static_cast<std::uint16_t>(fields.offset << 3 |
                                                      (fields.more_fragments ? 1 : 0))},
               BigEndian32{fields.identification}};
           return detail::join(header, {}, inner);
         }});
  }

  [[nodiscard]] auto udp(UdpFields fields = {}) const requires(Last == LayerKind::kIp) {
    return with<LayerKind::kUdp>(
        {.number = ip_protocol::kUdp,
         .finish = [fields](const Layer* below, const Layer*, const Bytes& inner) {
           const std::size_t length = sizeof(UdpHeader) + inner.size();
           const UdpHeader header{
               BigEndian16{fields.source_port}, BigEndian16{fields.destination_port},
               BigEndian16{fields.length.value_or(static_cast<std::uint16_t>(length))},
               BigEndian16{}};
           Bytes bytes = detail::join(header, {}, inner);
           std::uint16_t checksum = detail::l4_checksum(*below, ip_protocol::kUdp, bytes);
           if (checksum == 0) {
             checksum = 0xffff;  // RFC 768: zero says "no checksum"
           }
           detail::put_big_endian16(bytes, offsetof(UdpHeader, checksum),
                                    fields.checksum.value_or(checksum));
           return bytes;
         }});
  }

  [[nodiscard]] auto tcp(TcpFields fields = {}) const requires(Last == LayerKind::kIp) {
    fields.options = detail::pad_options(fields.options);
    return with<LayerKind::kL4>(
        {.number = ip_protocol::kTcp,
         .finish = [fields](const Layer* below, const Layer*, const Bytes& inner) {
           const std::size_t length = sizeof(TcpHeader) + fields.options.size();
           const unsigned words =
               fields.data_offset.value_or(static_cast<std::uint8_t>(length / 4));
           const TcpHeader header{BigEndian16{fields.source_port},
                                  BigEndian16{fields.destination_port},
                                  BigEndian32{fields.sequence},
                                  BigEndian32{fields.acknowledgment},
                                  static_cast<std::uint8_t>(words << 4),
                                  fields.flags,
                                  BigEndian16{fields.window},
                                  BigEndian16{},
                                  BigEndian16{}};
           Bytes bytes = detail::join(header, fields.options, inner);
           detail::put_big_endian16(
               bytes, offsetof(TcpHeader, checksum),
               fields.checksum.value_or(detail::l4_checksum(*below, ip_protocol::kTcp, bytes)));
           return bytes;
         }});
  }

  // ICMP echo (or another type with the same shape); for IPv4.
  [[nodiscard]] auto icmp(IcmpFields fields = {}) const requires(Last == LayerKind::kIp) {
    return with<LayerKind::kL4>(
        {.number = ip_protocol::kIcmp,
         .finish = [fields](const Layer*, const Layer*, const Bytes& inner) {
           const IcmpEchoHeader header{fields.type, fields.code, BigEndian16{},
                                       BigEndian16{fields.identifier},
                                       BigEndian16{fields.sequence}};
           Bytes bytes = detail::join(header, {}, inner);
           detail::put_big_endian16(bytes, offsetof(IcmpEchoHeader, checksum),
                                    fields.checksum.value_or(naive_checksum(bytes)));
           return bytes;
         }});
  }

  // ICMPv6: four bytes of header, then `word` (an echo's identifier and sequence, an MTU, flags).
  [[nodiscard]] auto icmpv6(Icmpv6Fields fields = {}) const requires(Last == LayerKind::kIp) {
    return with<LayerKind::kL4>(
        {.number = ip_protocol::kIcmpv6,
         .finish = [fields](const Layer* below, const Layer*, const Bytes& inner) {
           const IcmpEchoHeader header{fields.type, fields.code, BigEndian16{},
                                       BigEndian16{static_cast<std::uint16_t>(fields.word >> 16)},
                                       BigEndian16{static_cast<std::uint16_t>(fields.word)}};
           Bytes bytes = detail::join(header, {}, inner);
           detail::put_big_endian16(
               bytes, offsetof(IcmpEchoHeader, checksum),
               fields.checksum.value_or(detail::l4_checksum(*below, ip_protocol::kIcmpv6, bytes)));
           return bytes;
         }});
  }

  [[nodiscard]] auto vxlan(VxlanFields fields = {}) const requires(Last == LayerKind::kUdp) {
    return with<LayerKind::kVxlan>(
        {.finish = [fields](const Layer*, const Layer*, const Bytes& inner) {
          const VxlanHeader header{fields.flags, {}, BigEndian32{fields.vni << 8}};
          return detail::join(header, {}, inner);
        }});
  }

  // Bytes after the last header; may be called several times.
  [[nodiscard]] auto payload(std::span<const std::uint8_t> bytes) const {
    return with<LayerKind::kPayload>(
        {.finish = [copy = Bytes(bytes.begin(), bytes.end())](const Layer*, const Layer*,
                                                              const Bytes& inner) {
          Bytes all = copy;
          all.insert(all.end(), inner.begin(), inner.end());
          return all;
        }});
  }
  [[nodiscard]] auto payload(std::string_view text) const {
    return payload(std::span{reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
  // 0, 1, 2 ... 255, 0 ... : a pattern in which a lost or moved byte shows.
  [[nodiscard]] auto payload_of_size(std::size_t size) const {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) {
      bytes[i] = static_cast<std::uint8_t>(i);
    }
    return payload(bytes);
  }

  // Ethernet padding behind everything: at least this long in all, without being part of any layer.
  [[nodiscard]] PacketBuilder padded_to(std::size_t size) const {
    PacketBuilder copy = *this;
    copy.padded_size_ = size;
    return copy;
  }

  [[nodiscard]] Bytes build() const {
    Bytes bytes;
    for (std::size_t i = layers_.size(); i-- > 0;) {
      const Layer* below = i > 0 ? &layers_[i - 1] : nullptr;
      const Layer* above = i + 1 < layers_.size() ? &layers_[i + 1] : nullptr;
      bytes = layers_[i].finish(below, above, std::move(bytes));
    }
    bytes.resize(std::max(bytes.size(), padded_size_));
    return bytes;
  }

 private:
  template <LayerKind>
  friend class PacketBuilder;
  using Layer = detail::Layer;

  PacketBuilder(std::vector<Layer> layers, std::size_t padded_size)
      : layers_(std::move(layers)), padded_size_(padded_size) {}

  template <LayerKind Next>
  [[nodiscard]] PacketBuilder<Next> with(Layer layer) const {
    auto layers = layers_;
    layers.push_back(std::move(layer));
    return PacketBuilder<Next>{std::move(layers), padded_size_};
  }

  std::vector<Layer> layers_;
  std::size_t padded_size_ = 0;
};

[[nodiscard]] inline PacketBuilder<LayerKind::kNothing> packet() {
  return {};
}

// A VXLAN packet on the underlay, up to where the inner frame begins: .ethernet() or .payload()
// next.
[[nodiscard]] inline auto vxlan_packet(EthernetFields ethernet, Ipv4Fields ip, std::uint32_t vni,
                                       std::uint16_t source_port = 50000) {
  return packet()
      .ethernet(ethernet)
      .ipv4(std::move(ip))
      .udp({.source_port = source_port, .destination_port = udp_port::kVxlan})
      .vxlan({.vni = vni});
}

// The order of layers is checked at compile time: these must hold for the checks to mean anything.
namespace detail {
template <class Builder>
concept TakesUdp = requires(Builder builder) {
  builder.udp();
};
template <class Builder>
concept TakesVxlan = requires(Builder builder) {
  builder.vxlan();
};
template <class Builder>
concept TakesEthernet = requires(Builder builder) {
  builder.ethernet();
};
template <class Builder>
concept TakesIpv4 = requires(Builder builder) {
  builder.ipv4();
};
static_assert(TakesEthernet<PacketBuilder<LayerKind::kNothing>>);
static_assert(TakesEthernet<PacketBuilder<LayerKind::kVxlan>>);
static_assert(!TakesEthernet<PacketBuilder<LayerKind::kEthernet>>);
static_assert(TakesIpv4<PacketBuilder<LayerKind::kEthernet>>);
static_assert(!TakesIpv4<PacketBuilder<LayerKind::kVxlan>>);
static_assert(TakesUdp<PacketBuilder<LayerKind::kIp>>);
static_assert(!TakesUdp<PacketBuilder<LayerKind::kEthernet>>);
static_assert(TakesVxlan<PacketBuilder<LayerKind::kUdp>>);
static_assert(!TakesVxlan<PacketBuilder<LayerKind::kL4>>);
}  // namespace detail

}  // namespace alkaid::test
