// A machine behind a trunk, where the kernel has no VLAN devices: what it sends gets the tag of
// VLAN, what it receives must have it and loses it. Attached by tc to both directions of its
// device.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#define SECTION(name) __attribute__((section(name), used))

static long (*vlan_push)(struct __sk_buff* packet, __be16 type,
                         __u16 control) = (void*)BPF_FUNC_skb_vlan_push;
static long (*vlan_pop)(struct __sk_buff* packet) = (void*)BPF_FUNC_skb_vlan_pop;

SECTION("send")
int add_tag(struct __sk_buff* packet) {
  return vlan_push(packet, __builtin_bswap16(0x8100), VLAN) == 0 ? TC_ACT_OK : TC_ACT_SHOT;
}

SECTION("receive")
int take_tag(struct __sk_buff* packet) {
  if (!packet->vlan_present || (packet->vlan_tci & 0xfff) != VLAN) {
    return TC_ACT_SHOT;
  }
  return vlan_pop(packet) == 0 ? TC_ACT_OK : TC_ACT_SHOT;
}

char terms[] SECTION("license") = "Dual BSD/GPL";
