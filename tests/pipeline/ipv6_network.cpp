#include "tests/pipeline/ipv6_network.hpp"

#include <stdexcept>

namespace alkaid::test {
namespace {

using namespace net;

void must(const ObjectResult& result) {
  if (result) {
    throw std::runtime_error(result->field + ": " + result->message);
  }
}

SegmentConfig dual_stack_segment(Vni vni, bool with_gateways) {
  const bool green = vni == kGreen;
  SegmentConfig config = PipelineLab::segment_config(vni);
  config.prefixes.push_back(*IpPrefix::parse(green ? "2001:db8:1::/64" : "2001:db8:2::/64"));
  if (with_gateways) {
    config.gateways.push_back(
        {green ? kGreenGateway6 : kRedGateway6, green ? kGreenGatewayMac : kRedGatewayMac});
  } else {
    config.gateways.clear();
  }
  return config;
}

PortConfig dual_stack_port(const char* id, Vni vni, const Station& station,
                           const Station6& station6) {
  PortConfig config = PipelineLab::port_config(id, vni, station);
  config.fixed_ips.push_back(station6.ip);
  return config;
}

void program(PipelineLab& lab, bool with_gateways, const IpAddress& vtep = IpAddress{kPeerVtep}) {
  Programmer& programmer = lab.programmer();
  must(programmer.set(dual_stack_segment(kGreen, with_gateways)));
  must(programmer.set(dual_stack_segment(kRed, with_gateways)));
  must(programmer.set(dual_stack_port("green-1", kGreen, kGreen1, kGreen1v6)));
  must(programmer.set(dual_stack_port("green-3", kGreen, kGreen3, kGreen3v6)));
  must(programmer.set(dual_stack_port("red-1", kRed, kRed1, kRed1v6)));
  must(programmer.set(NeighborConfig{{kGreen, kGreen2v6.ip}, kGreen2v6.mac, vtep}));
  must(programmer.set(NeighborConfig{{kRed, kRed2v6.ip}, kRed2v6.mac, vtep}));
  must(programmer.set(
      RouteConfig{{kRouter, *IpPrefix::parse("2001:db8:1::/64")}, ConnectedAction{kGreen}}));
  must(programmer.set(
      RouteConfig{{kRouter, *IpPrefix::parse("2001:db8:2::/64")}, ConnectedAction{kRed}}));
}

}  // namespace

void program_ipv6(PipelineLab& lab) {
  program(lab, true);
}

void program_ipv6_behind(PipelineLab& lab, const IpAddress& vtep) {
  program(lab, true, vtep);
}

void program_ipv6_without_gateways(PipelineLab& lab) {
  program(lab, false);
}

Case ipv6_case(const char* name, const char* port, const Bytes& in, Outputs out,
               std::map<std::string, std::uint64_t> drops) {
  return {.name = name,
          .port = port,
          .in = [in](auto&) { return Frames{in}; },
          .out = [out](auto&) { return out; },
          .drops = std::move(drops),
          .prepare = program_ipv6};
}

Case ipv6_wire_case(const char* name, const Bytes& in, Outputs out,
                    std::map<std::string, std::uint64_t> drops, Vni vni) {
  return {.name = name,
          .port = "up",
          .in =
              [in, vni](PipelineLab& lab) {
                return Frames{tunnelled(in, uplink_mac(lab), {.vni = vni.number()})};
              },
          .out =
              [out, vni](PipelineLab& lab) {
                Outputs wrapped = out;
                for (Bytes& frame : wrapped["up"]) {
                  frame = encapsulated(uplink_mac(lab), frame, vni);
                }
                return wrapped;
              },
          .drops = std::move(drops),
          .prepare = program_ipv6};
}

}  // namespace alkaid::test
