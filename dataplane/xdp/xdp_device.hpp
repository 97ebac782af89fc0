// A kernel device whose frames our XDP program shares out between the kernel and us. Design:
// docs/design/xdp.md.
#pragma once

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

  // ---- the worker to which the port belongs
  std::uint16_t receive(rte_mbuf** packets, std::uint16_t count);
  // Returns how many were taken; these are freed, the others stay the caller's.
  std::uint16_t send(rte_mbuf** packets, std::uint16_t count);

  // ---- control thread
  [[nodiscard]] const std::string& device() const { return device_; }
  [[nodiscard]] const MacAddress& mac() const { return mac_; }
  [[nodiscard]] std::size_t queues() const { return sockets_.size(); }
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
  std::uint16_t number_ = UINT16_MAX;
  // Sockets outlive the program, which is detached first.
  std::vector<std::unique_ptr<XdpSocket>> sockets_;
  std::unique_ptr<XdpProgram> program_;
  PacketMembership membership_;
  std::size_t next_ = 0;  // queue to begin with, so that none starves
};

}  // namespace alkaid
