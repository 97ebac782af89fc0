#include "tests/pipeline/offload_lab.hpp"

#include <cerrno>
#include <chrono>

#include "tests/pipeline/ipv6_network.hpp"

namespace alkaid::test {
namespace {

using namespace net;

constexpr std::uint16_t kServer = 443;
constexpr std::size_t kBehindIpv6 = sizeof(EthernetHeader) + sizeof(Ipv6Header);
constexpr std::size_t kNextHeader = sizeof(EthernetHeader) + offsetof(Ipv6Header, next_header);

DataplaneSettings with_other_host(DataplaneSettings settings) {
  settings.underlay_neighbors.emplace_back(IpAddress{kOtherVtep},
                                           MacAddress::from_number(0x0200000000b3));
  return settings;
}

}  // namespace

Bytes frame_of(const Flow& flow, bool reply, const PacketOptions& options) {
  const Station& remote = flow.routed ? kRed2 : kGreen2;
  const Station6& remote6 = flow.routed ? kRed2v6 : kGreen2v6;
  // The other host's router is a router of its own.
  const MacAddress away = flow.routed ? kGreenGatewayMac : remote.mac;
  const MacAddress from_away = flow.routed ? kDvrMac : remote.mac;
  const auto ethernet = packet().ethernet(
      {.source = reply ? from_away : kGreen1.mac, .destination = reply ? kGreen1.mac : away});
  const auto source_port = reply ? kServer : flow.port;
  const auto destination_port = reply ? flow.port : kServer;
  const auto finish = [&](const auto& ip) {
    return flow.protocol == ip_protocol::kUdp
               ? ip.udp({.source_port = source_port, .destination_port = destination_port})
                     .payload(Bytes(options.payload, 0x5a))
                     .build()
               : ip.tcp({.source_port = source_port,
                         .destination_port = destination_port,
                         .flags = options.flags})
                     .payload(Bytes(options.payload, 0x5a))
                     .build();
  };
  if (flow.ipv6) {
    return finish(ethernet.ipv6({.source = reply ? remote6.ip : kGreen1v6.ip,
                                 .destination = reply ? kGreen1v6.ip : remote6.ip,
                                 .hop_limit = options.hops,
                                 .traffic_class = options.ecn}));
  }
  return finish(ethernet.ipv4({.source = reply ? remote.ip : kGreen1.ip,
                               .destination = reply ? kGreen1.ip : remote.ip,
                               .ttl = options.hops,
                               .tos = options.ecn}));
}

Bytes first_fragment(const Flow& flow) {
  const Bytes whole = frame_of(flow, false, {});
  Bytes frame = whole;
  const Ipv6FragmentHeader header{whole[kNextHeader], 0, BigEndian16{1}, BigEndian32{7}};
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&header);
  frame.insert(frame.begin() + kBehindIpv6, bytes, bytes + sizeof(header));
  frame[kNextHeader] = ip_protocol::kIpv6Fragment;
  auto& ip = *reinterpret_cast<Ipv6Header*>(frame.data() + sizeof(EthernetHeader));
  ip.payload_length = BigEndian16{static_cast<std::uint16_t>(frame.size() - kBehindIpv6)};
  return frame;
}

void Conversation::establish(const Flow& flow) {
  if (flow.protocol == ip_protocol::kTcp) {
    there(flow, {.flags = kSyn});
    back(flow, {.flags = kSyn | kAck});
  }
  for (int i = 0; i < 2; ++i) {
    there(flow);
    back(flow);
  }
  settle();
  settle();  // whichever direction came first, now both are known
}

Exchange Conversation::send(const std::string& port, const Bytes& frame) {
  lab_.send(port, {frame});
  Exchange exchange{.port = port, .up = lab_.take("up"), .guest = lab_.take("green-1")};
  return exchange;
}

void Conversation::let_pass(std::uint32_t milliseconds) {
  lab_.dataplane().flows().clock.advance(milliseconds);
  PluggedNic::nic().let_pass(std::chrono::milliseconds{milliseconds});
  for (int i = 0; i < 12; ++i) {
    lab_.walk();
  }
}

OffloadLab::OffloadLab(const DataplaneSettings& settings) : PipelineLab(with_other_host(settings)) {
  program_network();
  program_ipv6(*this);
  walk();
}

std::vector<ConnectionSnapshot> Offload::connections() {
  ConnectionSearch search(lab.dataplane().flows(), {});
  std::vector<ConnectionSnapshot> found;
  while (search.advance(1000, 1U << 20U, found)) {
  }
  for (auto& connection : found) {
    connection.offloaded = offloader().add_counts(connection);
  }
  return found;
}

void Offload::move_neighbor() {
  ASSERT_FALSE(
      lab.programmer().set(PipelineLab::neighbor_config(kGreen, kGreen2, IpAddress{kOtherVtep})));
  answer();
}

DataplaneSettings offload_settings(const OffloadSettings& offload) {
  DataplaneSettings settings = PipelineLab::default_settings();
  settings.offload = offload;
  settings.offload.is_on = true;
  return settings;
}

int told(int error) {
  return SoftwareNic::wants_templates() ? EIO : error;
}

}  // namespace alkaid::test
