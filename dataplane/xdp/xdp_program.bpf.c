// Decides in the kernel, frame by frame, what is the data plane's: all of a guest's frames; of a network card that the
// kernel uses too, VXLAN to our tunnel endpoints (RFC 7348) and what asks or answers for them (ARP, RFC 826; neighbor
// discovery, RFC 4861). The rest goes on to the kernel as it came. Design: docs/design/xdp.md.
#include <linux/bpf.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "xdp_shared.h"

struct Vlan {
  __be16 tag;
  __be16 type;
};

// ARP of IPv4 over Ethernet.
struct Arp {
  __be16 hardware;
  __be16 protocol;
  __u8 hardware_length;
  __u8 protocol_length;
  __be16 operation;
  __u8 sender_mac[ETH_ALEN];
  __u8 sender_ip[4];
  __u8 target_mac[ETH_ALEN];
  __u8 target_ip[4];
};

// Neighbor solicitation and advertisement.
struct Neighbor {
  struct icmp6hdr header;
  struct in6_addr target;
};

const volatile struct XdpSettings settings = {};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __type(key, __u32);
  __type(value, __u64);
  __uint(max_entries, kXdpVerdictCount);
} verdicts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __type(key, __u32);
  __type(value, __u32);
  __uint(max_entries, kXdpMostQueues);
} sockets SEC(".maps");

static __always_inline void count(__u32 verdict) {
  __u64* packets = bpf_map_lookup_elem(&verdicts, &verdict);
  if (packets) {
    ++*packets;
  }
}

static __always_inline int is_our_v6(const struct in6_addr* address) {
  for (int i = 0; i < 16; ++i) {
    if (address->s6_addr[i] != settings.vtep_v6[i]) {
      return 0;
    }
  }
  return settings.has_v6;
}

static __always_inline __u32 judge_arp(const void* at, const void* end) {
  const struct Arp* arp = at;
  if ((const void*)(arp + 1) > end) {
    return kXdpMalformed;
  }
  __be32 target;
  __builtin_memcpy(&target, arp->target_ip, sizeof(target));
  return settings.has_v4 && arp->hardware == bpf_htons(1) && arp->protocol == bpf_htons(ETH_P_IP) &&
                 arp->hardware_length == ETH_ALEN && arp->protocol_length == 4 &&
                 target == settings.vtep_v4
             ? kXdpArp
             : kXdpOther;
}

static __always_inline __u32 judge_udp(const void* at, const void* end, int is_ours) {
  const struct udphdr* udp = at;
  if ((const void*)(udp + 1) > end) {
    return kXdpMalformed;
  }
  if (udp->dest != settings.vxlan_port) {
    return kXdpOther;
  }
  return is_ours ? kXdpVxlan : kXdpOtherEndpoint;
}

static __always_inline __u32 judge_v4(const void* at, const void* end) {
  const struct iphdr* ip = at;
  if ((const void*)(ip + 1) > end || ip->version != 4 || ip->ihl < 5) {
    return kXdpMalformed;
  }
  if (ip->frag_off & bpf_htons(0x3fff)) {
    return kXdpFragment;
  }
  if (ip->protocol != IPPROTO_UDP) {
    return kXdpOther;
  }
  return judge_udp(at + ip->ihl * 4, end, settings.has_v4 && ip->daddr == settings.vtep_v4);
}

static __always_inline __u32 judge_v6(const void* at, const void* end) {
  const struct ipv6hdr* ip = at;
  if ((const void*)(ip + 1) > end || ip->version != 6) {
    return kXdpMalformed;
  }
  if (ip->nexthdr == IPPROTO_FRAGMENT) {
    return kXdpFragment;
  }
  const int is_ours = is_our_v6(&ip->daddr);
  if (ip->nexthdr == IPPROTO_UDP) {
    return judge_udp(ip + 1, end, is_ours);
  }
  if (ip->nexthdr != IPPROTO_ICMPV6) {
    return kXdpOther;
  }
  const struct Neighbor* neighbor = (const void*)(ip + 1);
  if ((const void*)(neighbor + 1) > end) {
    return kXdpOther;
  }
  // Asked for our address; or answered to it.
  return (neighbor->header.icmp6_type == 135 && is_our_v6(&neighbor->target)) ||
                 (neighbor->header.icmp6_type == 136 && is_ours)
             ? kXdpNeighborDiscovery
             : kXdpOther;
}

static __always_inline __u32 judge(const void* at, const void* end) {
  const struct ethhdr* ethernet = at;
  if ((const void*)(ethernet + 1) > end) {
    return kXdpMalformed;
  }
  const void* next = ethernet + 1;
  __be16 type = ethernet->h_proto;
  const int is_tagged = type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
  if (is_tagged != (settings.vlan != 0)) {
    return kXdpOtherVlan;
  }
  if (is_tagged) {
    const struct Vlan* vlan = next;
    if ((const void*)(vlan + 1) > end) {
      return kXdpMalformed;
    }
    if (type != bpf_htons(ETH_P_8021Q) || (bpf_ntohs(vlan->tag) & 0xfff) != settings.vlan) {
      return kXdpOtherVlan;
    }
    type = vlan->type;
    next = vlan + 1;
  }
  switch (type) {
    case bpf_htons(ETH_P_IP):
      return judge_v4(next, end);
    case bpf_htons(ETH_P_IPV6):
      return judge_v6(next, end);
    case bpf_htons(ETH_P_ARP):
      return judge_arp(next, end);
    default:
      return kXdpOther;
  }
}

// Frames may lie in several pieces (a device's MTU above a page): only the first one is looked at.
SEC("xdp.frags") int alkaid_xdp(struct xdp_md* context) {
  const void* data = (const void*)(long)context->data;
  const void* end = (const void*)(long)context->data_end;
  const __u32 verdict = settings.is_guest ? kXdpGuest : judge(data, end);
  count(verdict);
  if (verdict > kXdpNeighborDiscovery) {
    return XDP_PASS;
  }
  // What a guest sends never gets to the kernel's stack, past its security groups.
  const int action = bpf_redirect_map(&sockets, context->rx_queue_index,
                                      settings.is_guest ? XDP_DROP : XDP_PASS);
  if (action != XDP_REDIRECT) {
    count(kXdpNoSocket);
  }
  return action;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
