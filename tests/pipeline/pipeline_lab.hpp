// A data plane whose ports are rings and whose one worker is stepped by hand: packets in, packets
// out, counters. Needs no root, no hugepages and no kernel device.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <rte_ring.h>

#include "dataplane/control/dataplane.hpp"
#include "tests/support/packet_builder.hpp"

namespace alkaid::test {

// Starts the EAL once for the process.
void start_eal();

// Two subnets, "green" (VNI 1001) and "red" (VNI 1002), joined by a router. On this host green-1
// and red-1; on the host 10.0.0.2 green-2 and red-2.
namespace net {
inline constexpr Vni kGreen = Vni::from_trusted(1001);
inline constexpr Vni kRed = Vni::from_trusted(1002);
inline constexpr std::uint64_t kRouter = 0x726f75746572;
inline constexpr Ipv4Address kOwnVtep{0x0a000001};
inline constexpr Ipv4Address kPeerVtep{0x0a000002};
inline constexpr MacAddress kPeerVtepMac = MacAddress::from_number(0x0200000000b2);
inline constexpr MacAddress kDvrMac = MacAddress::from_number(0xfe1611000001);

inline constexpr Ipv4Address kGreenGateway{0x0a010001};
inline constexpr MacAddress kGreenGatewayMac = MacAddress::from_number(0x020000010001);
inline constexpr Ipv4Address kRedGateway{0x0a020001};
inline constexpr MacAddress kRedGatewayMac = MacAddress::from_number(0x020000020001);

struct Station {
  Ipv4Address ip;
  MacAddress mac;
};
inline constexpr Station kGreen1{Ipv4Address{0x0a01000b}, MacAddress::from_number(0x02000001000b)};
inline constexpr Station kGreen2{Ipv4Address{0x0a01000c}, MacAddress::from_number(0x02000001000c)};
inline constexpr Station kGreen3{Ipv4Address{0x0a01000d}, MacAddress::from_number(0x02000001000d)};
inline constexpr Station kRed1{Ipv4Address{0x0a02000b}, MacAddress::from_number(0x02000002000b)};
inline constexpr Station kRed2{Ipv4Address{0x0a02000c}, MacAddress::from_number(0x02000002000c)};
}  // namespace net

using Frames = std::vector<Bytes>;

// Of every device.
struct LabQueues {
  unsigned receive = 1;
  unsigned transmit = 1;
};

// What may stand between the cables and the data plane's ports. Devices are ethdev numbers.
class Nic {
 public:
  struct Forwarded {
    std::uint16_t egress = 0;
    Bytes frame;
  };

  virtual ~Nic() = default;
  // nullopt: the frame is the data plane's.
  virtual std::optional<Forwarded> forward(std::uint16_t ingress, const Bytes& frame) = 0;
};

class PipelineLab {
 public:
  // With the network above: guest ports green-1, green-3 and red-1, and the uplink "up".
  PipelineLab();
  explicit PipelineLab(const DataplaneSettings& settings, LabQueues queues = {});
  ~PipelineLab();

  static DataplaneSettings default_settings();

  // Makes the rings that "ring:NAME" attaches to.
  void make_rings(const std::string& name);

  // Frames come by way of the card, in labs that are made from now on; nullptr: there is none.
  static void use_nic(Nic* nic) { next_nic = nic; }

  // Puts frames into a port's receive queue, then walks the graph until nothing moves.
  void send(const std::string& port, const std::vector<Bytes>& frames);
  // The same without walking, for tests whose worker runs in a thread. queue: a receive queue.
  void enqueue(const std::string& port, const std::vector<Bytes>& frames, unsigned queue = 0);
  void walk();
  // What the port has transmitted since the last call, by all its queues, or one of them.
  std::vector<Bytes> take(const std::string& port);
  std::vector<Bytes> take(const std::string& port, unsigned queue);

  [[nodiscard]] std::uint64_t drops(const std::string& port, DropReason reason) const;
  // All drops of all workers, by "port reason"; the port is "none" for packets that came by none.
  [[nodiscard]] std::map<std::string, std::uint64_t> all_drops() const;
  [[nodiscard]] std::uint64_t buffers_in_use() const;

  Dataplane& dataplane() { return *dataplane_; }
  Programmer& programmer() { return dataplane_->programmer(); }

  static PortConfig port_config(const std::string& id, Vni vni, const net::Station& station);
  static NeighborConfig neighbor_config(Vni vni, const net::Station& station,
                                        const IpAddress& vtep = IpAddress{net::kPeerVtep});
  static SegmentConfig segment_config(Vni vni);
  // vtep: of the other host.
  void program_network(const IpAddress& vtep = IpAddress{net::kPeerVtep});

 private:
  struct Rings {
    std::vector<rte_ring*> rx;
    std::vector<rte_ring*> tx;
    [[nodiscard]] std::vector<rte_ring*> all() const;
  };

  // "up" is the uplink's ring; the port's id is its attachment.
  [[nodiscard]] const Port& port(const std::string& name) const;

  const LabQueues queues_;
  // True: the card has forwarded it.
  bool forward_ahead(const std::string& port, const Bytes& frame);
  // The port's device; nullptr: it has none.
  [[nodiscard]] const Port* attached_by(const std::string& ring) const;
  void drain(const std::string& port);

  static inline Nic* next_nic = nullptr;
  Nic* const nic_ = next_nic;
  std::map<std::string, Rings> rings_;
  std::map<std::string, std::vector<Bytes>> transmitted_;  // by port
  std::unique_ptr<Dataplane> dataplane_;
};

}  // namespace alkaid::test
