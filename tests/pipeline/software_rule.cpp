#include "tests/pipeline/software_rule.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/headers.hpp"

namespace alkaid::test {
namespace {

int refuse(rte_flow_error* error, int number, rte_flow_error_type type, const char* message) {
  return rte_flow_error_set(error, number, type, nullptr, message);
}

// Of the header that an item is about; 0: not one that the card knows.
std::size_t header_size(rte_flow_item_type type) {
  switch (type) {
    case RTE_FLOW_ITEM_TYPE_ETH:
      return sizeof(EthernetHeader);
    case RTE_FLOW_ITEM_TYPE_IPV4:
      return sizeof(Ipv4Header);
    case RTE_FLOW_ITEM_TYPE_IPV6:
      return sizeof(Ipv6Header);
    case RTE_FLOW_ITEM_TYPE_UDP:
      return sizeof(UdpHeader);
    case RTE_FLOW_ITEM_TYPE_TCP:
      return sizeof(TcpHeader);
    case RTE_FLOW_ITEM_TYPE_VXLAN:
      return sizeof(VxlanHeader);
    default:
      return 0;
  }
}

bool may_follow(rte_flow_item_type before, rte_flow_item_type type) {
  switch (type) {
    case RTE_FLOW_ITEM_TYPE_ETH:
      return before == RTE_FLOW_ITEM_TYPE_REPRESENTED_PORT || before == RTE_FLOW_ITEM_TYPE_VXLAN;
    case RTE_FLOW_ITEM_TYPE_IPV4:
    case RTE_FLOW_ITEM_TYPE_IPV6:
      return before == RTE_FLOW_ITEM_TYPE_ETH;
    case RTE_FLOW_ITEM_TYPE_UDP:
    case RTE_FLOW_ITEM_TYPE_TCP:
      return before == RTE_FLOW_ITEM_TYPE_IPV4 || before == RTE_FLOW_ITEM_TYPE_IPV6;
    case RTE_FLOW_ITEM_TYPE_VXLAN:
      return before == RTE_FLOW_ITEM_TYPE_UDP;
    default:
      return false;
  }
}

Bytes copy(const void* from, std::size_t size) {
  const auto* bytes = static_cast<const std::uint8_t*>(from);
  return {bytes, bytes + size};
}

int parse_pattern(const rte_flow_item* item, rte_flow& rule, rte_flow_error* error) {
  const auto* port = static_cast<const rte_flow_item_ethdev*>(item->spec);
  const auto* port_mask = static_cast<const rte_flow_item_ethdev*>(item->mask);
  if (item->type != RTE_FLOW_ITEM_TYPE_REPRESENTED_PORT || port == nullptr ||
      port_mask == nullptr || port_mask->port_id != 0xffff) {
    return refuse(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM, "no source port comes first");
  }
  rule.ingress = port->port_id;
  rte_flow_item_type before = item->type;
  for (++item; item->type != RTE_FLOW_ITEM_TYPE_END; ++item) {
    const std::size_t size = header_size(item->type);
    if (size == 0) {
      return refuse(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM, "unknown item");
    }
    if (!may_follow(before, item->type)) {
      return refuse(error, EINVAL, RTE_FLOW_ERROR_TYPE_ITEM, "item out of order");
    }
    if (item->last != nullptr) {
      return refuse(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM_LAST, "no ranges");
    }
    if ((item->spec == nullptr) != (item->mask == nullptr)) {
      return refuse(error, EINVAL, RTE_FLOW_ERROR_TYPE_ITEM_MASK, "spec without mask");
    }
    rte_flow::Layer layer{.type = item->type, .spec = {}, .mask = {}};
    if (item->spec != nullptr) {
      layer.spec = copy(item->spec, size);
      layer.mask = copy(item->mask, size);
      if (item->type == RTE_FLOW_ITEM_TYPE_IPV6) {
        layer.wants_no_fragment =
            static_cast<const rte_flow_item_ipv6*>(item->mask)->has_frag_ext != 0 &&
            static_cast<const rte_flow_item_ipv6*>(item->spec)->has_frag_ext == 0;
      }
    }
    rule.layers.push_back(std::move(layer));
    before = item->type;
  }
  return 0;
}

int parse_definition(const rte_flow_item* item, rte_flow& rule, rte_flow_error* error) {
  constexpr rte_flow_item_type kOrder[] = {RTE_FLOW_ITEM_TYPE_ETH, RTE_FLOW_ITEM_TYPE_IPV4,
                                           RTE_FLOW_ITEM_TYPE_UDP, RTE_FLOW_ITEM_TYPE_VXLAN};
  Bytes outer;
  for (const rte_flow_item_type type : kOrder) {
    if (item->type != type || item->spec == nullptr) {
      return refuse(error, EINVAL, RTE_FLOW_ERROR_TYPE_ACTION_CONF, "no VXLAN over IPv4");
    }
    const Bytes header = copy(item->spec, header_size(type));
    outer.insert(outer.end(), header.begin(), header.end());
    ++item;
  }
  rule.outer = std::move(outer);
  return 0;
}

int parse_action(const rte_flow_action& action, rte_flow& rule, bool& has_fate,
                 rte_flow_error* error) {
  if (has_fate) {
    return refuse(error, EINVAL, RTE_FLOW_ERROR_TYPE_ACTION, "an action behind the last one");
  }
  switch (action.type) {
    case RTE_FLOW_ACTION_TYPE_VXLAN_DECAP:
      rule.decapsulates = true;
      return 0;
    case RTE_FLOW_ACTION_TYPE_SET_MAC_SRC:
      rule.new_source = copy(action.conf, sizeof(MacAddress));
      return 0;
    case RTE_FLOW_ACTION_TYPE_SET_MAC_DST:
      rule.new_destination = copy(action.conf, sizeof(MacAddress));
      return 0;
    case RTE_FLOW_ACTION_TYPE_DEC_TTL:
      rule.takes_hop = true;
      return 0;
    case RTE_FLOW_ACTION_TYPE_AGE: {
      const auto* age = static_cast<const rte_flow_action_age*>(action.conf);
      if (age == nullptr || age->timeout == 0 || age->reserved != 0) {
        return refuse(error, EINVAL, RTE_FLOW_ERROR_TYPE_ACTION_CONF, "no age");
      }
      rule.age = age->timeout;
      rule.age_context = age->context;
      return 0;
    }
    case RTE_FLOW_ACTION_TYPE_COUNT:
      rule.counts = true;
      return 0;
    case RTE_FLOW_ACTION_TYPE_VXLAN_ENCAP:
      return parse_definition(
          static_cast<const rte_flow_action_vxlan_encap*>(action.conf)->definition, rule, error);
    case RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT:
      rule.egress = static_cast<const rte_flow_action_ethdev*>(action.conf)->port_id;
      has_fate = true;
      return 0;
    case RTE_FLOW_ACTION_TYPE_PORT_REPRESENTOR:
      if (static_cast<const rte_flow_action_ethdev*>(action.conf)->port_id != rule.ingress) {
        return refuse(error, EINVAL, RTE_FLOW_ERROR_TYPE_ACTION_CONF, "not the sender's");
      }
      has_fate = true;
      return 0;
    default:
      return refuse(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_ACTION, "unknown action");
  }
}

template <class Header>
const Header& at(const Bytes& frame, std::size_t offset) {
  return *reinterpret_cast<const Header*>(frame.data() + offset);
}

// As cards do, which look past the header of a fragment unless they are told to look at it.
std::size_t fragment_header_size(const Bytes& frame, std::size_t ip) {
  constexpr std::size_t kSize = 8;
  return at<Ipv6Header>(frame, ip).next_header == ip_protocol::kIpv6Fragment &&
                 ip + sizeof(Ipv6Header) + kSize <= frame.size()
             ? kSize
             : 0;
}

std::uint8_t upper_protocol(const Bytes& frame, std::size_t ip) {
  return fragment_header_size(frame, ip) != 0 ? frame[ip + sizeof(Ipv6Header)]
                                              : at<Ipv6Header>(frame, ip).next_header;
}

// Bytes of the header at `offset`, 0 if there is none such, or another one than `next` follows.
std::size_t follow(const Bytes& frame, std::size_t offset, rte_flow_item_type type,
                   rte_flow_item_type next) {
  if (offset + header_size(type) > frame.size()) {
    return 0;
  }
  const bool wants_udp = next == RTE_FLOW_ITEM_TYPE_UDP;
  const bool wants_l4 = wants_udp || next == RTE_FLOW_ITEM_TYPE_TCP;
  const std::uint8_t protocol = wants_udp ? ip_protocol::kUdp : ip_protocol::kTcp;
  switch (type) {
    case RTE_FLOW_ITEM_TYPE_ETH: {
      const std::uint16_t wanted =
          next == RTE_FLOW_ITEM_TYPE_IPV6 ? ether_type::kIpv6 : ether_type::kIpv4;
      return at<EthernetHeader>(frame, offset).type.host() == wanted ? sizeof(EthernetHeader) : 0;
    }
    case RTE_FLOW_ITEM_TYPE_IPV4: {
      const auto& ip = at<Ipv4Header>(frame, offset);
      const std::size_t length = ip.header_length();
      const bool is_whole = ip.version() == 4 && length >= sizeof(Ipv4Header) &&
                            ip.total_length.host() >= length &&
                            offset + ip.total_length.host() <= frame.size();
      return is_whole && (!wants_l4 || ip.protocol == protocol) ? length : 0;
    }
    case RTE_FLOW_ITEM_TYPE_IPV6: {
      const auto& ip = at<Ipv6Header>(frame, offset);
      const std::size_t length = sizeof(Ipv6Header) + fragment_header_size(frame, offset);
      const bool is_whole = ip.version_class_label.host() >> 28 == 6 &&
                            offset + sizeof(Ipv6Header) + ip.payload_length.host() <= frame.size();
      return is_whole && (!wants_l4 || upper_protocol(frame, offset) == protocol) ? length : 0;
    }
    case RTE_FLOW_ITEM_TYPE_TCP: {
      const std::size_t length = (at<TcpHeader>(frame, offset).data_offset >> 4U) * 4U;
      return length >= sizeof(TcpHeader) && offset + length <= frame.size() ? length : 0;
    }
    case RTE_FLOW_ITEM_TYPE_VXLAN:
      return (at<VxlanHeader>(frame, offset).flags & VxlanHeader::kVniPresent) != 0
                 ? sizeof(VxlanHeader)
                 : 0;
    default:
      return header_size(type);
  }
}

void take_hop(Bytes& frame) {
  const std::size_t ip = sizeof(EthernetHeader);
  if (at<EthernetHeader>(frame, 0).type.host() == ether_type::kIpv6) {
    --reinterpret_cast<Ipv6Header*>(frame.data() + ip)->hop_limit;
  } else {
    ipv4_decrement_ttl(*reinterpret_cast<Ipv4Header*>(frame.data() + ip));
  }
}

Bytes encapsulated(const Bytes& outer, const Bytes& frame) {
  Bytes result = outer;
  result.insert(result.end(), frame.begin(), frame.end());
  auto& ip = *reinterpret_cast<Ipv4Header*>(result.data() + sizeof(EthernetHeader));
  ip.total_length = BigEndian16{static_cast<std::uint16_t>(result.size() - sizeof(EthernetHeader))};
  ip.checksum = BigEndian16{};
  ip.checksum = checksum_finish(checksum_add_header(0, &ip, sizeof(ip)));
  auto& udp = *reinterpret_cast<UdpHeader*>(result.data() + sizeof(EthernetHeader) + sizeof(ip));
  udp.length = BigEndian16{
      static_cast<std::uint16_t>(result.size() - sizeof(EthernetHeader) - sizeof(Ipv4Header))};
  return result;
}

}  // namespace

int parse_rule(const rte_flow_attr& attr, const rte_flow_item* pattern,
               const rte_flow_action* actions, rte_flow& rule, rte_flow_error* error) {
  if (attr.transfer == 0 || attr.ingress != 0 || attr.egress != 0) {
    return refuse(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_ATTR_TRANSFER,
                  "only the switch executes rules");
  }
  if (attr.group != 0 || attr.priority > 1) {
    return refuse(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_ATTR_PRIORITY, "two priorities");
  }
  rule.priority = attr.priority;
  if (const int result = parse_pattern(pattern, rule, error); result != 0) {
    return result;
  }
  bool has_fate = false;
  for (; actions->type != RTE_FLOW_ACTION_TYPE_END; ++actions) {
    if (const int result = parse_action(*actions, rule, has_fate, error); result != 0) {
      return result;
    }
  }
  if (!has_fate) {
    return refuse(error, EINVAL, RTE_FLOW_ERROR_TYPE_ACTION_NUM, "goes nowhere");
  }
  const bool has_tunnel =
      std::any_of(rule.layers.begin(), rule.layers.end(),
                  [](const auto& layer) { return layer.type == RTE_FLOW_ITEM_TYPE_VXLAN; });
  if (rule.decapsulates && !has_tunnel) {
    return refuse(error, EINVAL, RTE_FLOW_ERROR_TYPE_ACTION, "decapsulates what is in no tunnel");
  }
  return 0;
}

bool matches(const rte_flow& rule, std::uint16_t ingress, const Bytes& frame) {
  if (ingress != rule.ingress) {
    return false;
  }
  std::size_t offset = 0;
  for (std::size_t i = 0; i < rule.layers.size(); ++i) {
    const rte_flow::Layer& layer = rule.layers[i];
    const rte_flow_item_type next =
        i + 1 < rule.layers.size() ? rule.layers[i + 1].type : RTE_FLOW_ITEM_TYPE_END;
    // The last header may be followed by anything.
    const std::size_t length = follow(frame, offset, layer.type, next);
    if (length == 0) {
      return false;
    }
    const bool is_v6 = layer.type == RTE_FLOW_ITEM_TYPE_IPV6;
    if (is_v6 && layer.wants_no_fragment && fragment_header_size(frame, offset) != 0) {
      return false;
    }
    for (std::size_t byte = 0; byte < layer.spec.size(); ++byte) {
      const std::uint8_t found = is_v6 && byte == offsetof(Ipv6Header, next_header)
                                     ? upper_protocol(frame, offset)
                                     : frame[offset + byte];
      if (((found ^ layer.spec[byte]) & layer.mask[byte]) != 0) {
        return false;
      }
    }
    offset += length;
  }
  return true;
}

Bytes apply_rule(const rte_flow& rule, const Bytes& frame) {
  Bytes result = frame;
  if (rule.decapsulates) {
    const std::size_t outer =
        sizeof(EthernetHeader) + sizeof(Ipv4Header) + sizeof(UdpHeader) + sizeof(VxlanHeader);
    result.erase(result.begin(), result.begin() + outer);
  }
  if (rule.new_destination) {
    std::copy(rule.new_destination->begin(), rule.new_destination->end(), result.begin());
  }
  if (rule.new_source) {
    std::copy(rule.new_source->begin(), rule.new_source->end(),
              result.begin() + sizeof(MacAddress));
  }
  if (rule.takes_hop) {
    take_hop(result);
  }
  return rule.outer ? encapsulated(*rule.outer, result) : result;
}

}  // namespace alkaid::test
