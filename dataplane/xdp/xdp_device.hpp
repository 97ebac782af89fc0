// A kernel device whose frames our XDP program shares out between the kernel and us. Design:
// docs/design/xdp.md.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/xdp/xdp_attachment.hpp"
#include "dataplane/xdp/xdp_link.hpp"
#include "dataplane/xdp/xdp_numbers.hpp"
#include "dataplane/xdp/xdp_program.hpp"
#include "dataplane/xdp/xdp_socket.hpp"

namespace alkaid {

// One AF_XDP socket for each receive queue, and the program that feeds them. Opened and closed by
// the control thread; no worker may use it any more when it is destroyed.
class XdpDevice {
 public:
  // filter: of an uplink; nullopt: a guest's device, or a trunk. nullptr with a text if it can't
  // be.
  static std::unique_ptr<XdpDevice> open(const std::string& device, XdpMode mode,
                                         const std::optional<UplinkFilter>& filter,
                                         rte_mempool* pool, std::string& error);
  // Any worker; nullptr if there is none of that number (xdp_numbers.hpp).
  static XdpDevice* find(std::uint16_t number);
  ~XdpDevice();
  XdpDevice(const XdpDevice&) = delete;
  XdpDevice& operator=(const XdpDevice&) = delete;

  [[nodiscard]] std::uint16_t number() const { return number_; }

  // ---- the one worker that reads from the queue; the one that sends by it
  // queue: below queues().
  std::uint16_t receive(std::uint16_t queue, rte_mbuf** packets, std::uint16_t count) {
    return sockets_[queue]->receive(packets, count);
  }
  // queue: below transmit_queues(). Returns how many were taken; these are freed, the others stay
  // the caller's.
  std::uint16_t send(std::uint16_t queue, rte_mbuf** packets, std::uint16_t count) {
    return sockets_[queue]->send(packets, count);
  }

  // ---- control thread
  [[nodiscard]] const std::string& device() const { return device_; }
  [[nodiscard]] const MacAddress& mac() const { return mac_; }
  // Receive queues.
  [[nodiscard]] std::size_t queues() const { return sockets_.size(); }
  // How many of them can be sent by: the first ones.
  [[nodiscard]] std::size_t transmit_queues() const {
    return std::min<std::size_t>(sockets_.size(), transmit_queues_);
  }
  [[nodiscard]] const XdpProgram& program() const { return *program_; }
  // Frames that never reached us since it was opened.
  [[nodiscard]] std::uint64_t lost() const;
  // The device has another address or another number of queues now: to be opened anew.
  [[nodiscard]] bool is_outdated() const;
  // Frames that are not to the device's own address come too; false if the kernel refuses.
  bool accept(PacketMembership::Frames frames);

 private:
  explicit XdpDevice(std::string device) : device_(std::move(device)) {}
  bool start(XdpMode mode, rte_mempool* pool, std::string& error);
  bool take_number();

  const std::string device_;
  unsigned index_ = 0;
  MacAddress mac_;
  std::uint32_t transmit_queues_ = 1;  // the device's
  std::uint16_t number_ = UINT16_MAX;
  // Sockets outlive the program, which is detached first.
  std::vector<std::unique_ptr<XdpSocket>> sockets_;
  std::unique_ptr<XdpProgram> program_;
  PacketMembership membership_;
};

}  // namespace alkaid
