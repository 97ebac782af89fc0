// What the XDP program and the data plane share. C, as the program is compiled for the kernel.
#pragma once

#include <linux/types.h>

// What became of a frame: an index into the map of counters.
enum XdpVerdict {
  // To the data plane.
  kXdpGuest,
  kXdpVxlan,
  kXdpArp,
  kXdpNeighborDiscovery,
  // To the kernel.
  kXdpMalformed,
  kXdpOtherVlan,
  kXdpFragment,
  kXdpOtherEndpoint,
  kXdpOther,
  // One of the first four, but no socket listens to the queue: to the kernel.
  kXdpNoSocket,
  kXdpVerdictCount
};

// Receive queues of a device, at most.
enum { kXdpMostQueues = 64 };

// Fixed when the program is loaded.
struct XdpSettings {
  __u8 is_guest;    // everything is ours
  __u8 has_v4;      // vtep_v4 is set
  __u8 has_v6;      // vtep_v6 is set
  __u8 reserved;
  __u16 vlan;        // all of our frames carry this 802.1Q VLAN; 0: no tag
  __be16 vxlan_port;
  __be32 vtep_v4;
  __u8 vtep_v6[16];
};
