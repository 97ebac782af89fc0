// Our XDP program on one kernel device (xdp_program.bpf.c). Design: docs/design/xdp.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/xdp/xdp_attachment.hpp"
#include "dataplane/xdp/xdp_shared.h"

struct bpf_object;

namespace alkaid {

struct XdpVerdictName {
  std::string_view name;
  std::string_view description;
};
// By XdpVerdict.
const std::array<XdpVerdictName, kXdpVerdictCount>& xdp_verdict_names();

using XdpVerdicts = std::array<std::uint64_t, kXdpVerdictCount>;

// Control thread. The program is detached with the object, and by the kernel if the process is
// killed: it hangs on a descriptor (bpf_link).
class XdpProgram {
 public:
  // filter: of an uplink; nullopt: a guest's device, of which everything is ours. nullptr with a
  // text if the kernel refuses.
  static std::unique_ptr<XdpProgram> load(const std::optional<UplinkFilter>& filter,
                                          std::string& error);
  ~XdpProgram();
  XdpProgram(const XdpProgram&) = delete;
  XdpProgram& operator=(const XdpProgram&) = delete;

  // Once. False with a text if the kernel refuses, or has another program there.
  bool attach(unsigned device_index, XdpMode mode, std::string& error);
  [[nodiscard]] bool is_native() const { return is_native_; }

  // Hands what comes by a receive queue to an AF_XDP socket.
  bool set_socket(std::uint32_t queue, int socket, std::string& error);
  [[nodiscard]] XdpVerdicts verdicts() const;

  // Runs it on a frame as if it came by queue 0; what it returns (XDP_PASS ...), nullopt if the
  // kernel can't do that. For tests.
  [[nodiscard]] std::optional<std::uint32_t> run_on(std::span<const std::uint8_t> frame) const;

 private:
  explicit XdpProgram(bpf_object* object) : object_(object) {}

  bpf_object* object_;
  int program_ = -1;
  int verdicts_ = -1;
  int sockets_ = -1;
  int link_ = -1;
  bool is_native_ = false;
};

}  // namespace alkaid
