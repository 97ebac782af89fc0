// A tenant's flows between a guest here and a station on the other host, by a card in software that
// takes whatever connection can be given to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/flow/connection_search.hpp"
#include "dataplane/offload/offloader.hpp"
#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"
#include "tests/pipeline/software_nic.hpp"

namespace alkaid::test {

inline constexpr std::uint8_t kSyn = tcp_flag::kSyn;
inline constexpr std::uint8_t kAck = tcp_flag::kAck;
inline constexpr std::uint8_t kFin = tcp_flag::kFin;
inline constexpr std::uint8_t kRst = tcp_flag::kRst;

// green-1 talks to a station on the other host, in its subnet or behind the router.
struct Flow {
  bool ipv6 = false;
  std::uint8_t protocol = ip_protocol::kUdp;
  bool routed = false;
  std::uint16_t port = 1234;  // of green-1
};

inline const Flow kUdp{};
inline const Flow kTcp{.protocol = ip_protocol::kTcp};

struct PacketOptions {
  std::uint8_t flags = kAck;
  std::uint8_t hops = 64;
  std::uint8_t ecn = 0;
  std::size_t payload = 16;
};

Bytes frame_of(const Flow& flow, bool reply, const PacketOptions& options);
// Of an IPv6 flow: a card that looked no further than at the ports would take it for the
// connection's.
Bytes first_fragment(const Flow& flow);

// What has been sent, and what came of it.
struct Exchange {
  std::string port;
  Frames up;
  Frames guest;

  bool operator==(const Exchange&) const = default;
};

// Sends packets, and tells what came of each.
class Conversation {
 public:
  explicit Conversation(PipelineLab& lab) : lab_(lab) {}

  Exchange there(const Flow& flow, const PacketOptions& options = {}) {
    return send("green-1", frame_of(flow, false, options));
  }
  Exchange back(const Flow& flow, const PacketOptions& options = {}, std::uint8_t outer_ecn = 0) {
    return send("up",
                tunnelled(frame_of(flow, true, options), uplink_mac(lab_), {.tos = outer_ecn}));
  }
  // Both directions are known, after six packets (UDP: four), and offered.
  void establish(const Flow& flow);
  Exchange send(const std::string& port, const Bytes& frame);
  // The control thread gets round to everything once.
  void settle() { let_pass(1001); }
  void let_pass(std::uint32_t milliseconds);

 private:
  PipelineLab& lab_;
};

inline constexpr Ipv4Address kOtherVtep{0x0a000003};

// Dual stack, with a host that neighbors move to.
class OffloadLab : public PipelineLab {
 public:
  explicit OffloadLab(const DataplaneSettings& settings = default_settings());
};

// All ports of the lab are the card's; every connection may be.
class Offload : public ::testing::Test {
 protected:
  Offload() = default;
  explicit Offload(const DataplaneSettings& settings) : lab(settings) {}

  static SoftwareNic& nic() { return PluggedNic::nic(); }
  [[nodiscard]] Offloader& offloader() { return lab.dataplane().offloader(); }
  [[nodiscard]] std::uint64_t ends(OffloadEnd end) {
    return offloader().counts().ends[static_cast<std::size_t>(end)];
  }
  // The lab's connections as operators see them.
  [[nodiscard]] std::vector<ConnectionSnapshot> connections();
  void let_pass(std::uint32_t milliseconds) { talk.let_pass(milliseconds); }
  // As the local API does when it has done what a call asks for.
  void answer() { lab.dataplane().publish_changes(); }
  // green-2, to the other host.
  void move_neighbor();
  [[nodiscard]] const Port& port(const std::string& id) {
    return *lab.dataplane().ports().find(id);
  }

  PluggedNic plugged;
  OffloadLab lab;
  Conversation talk{lab};
};

// The usual ones, with offload as these settings say, but on.
DataplaneSettings offload_settings(const OffloadSettings& offload);

// What is counted when the card refuses a rule so: of an operation that was asked for by a template
// and failed when it was done no errno is told.
int told(int error);

}  // namespace alkaid::test
