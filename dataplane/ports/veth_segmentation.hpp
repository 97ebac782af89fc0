// Keeps a veth's other end from handing over more than one packet at a time.
#pragma once

#include <optional>
#include <string>

namespace alkaid {

// A veth's other end, in whatever namespace, hands TCP over in segments of up to 64 KiB because the
// "hardware" would cut them, and nothing cuts them on the way to a packet socket. The kernel takes
// that ability from the other end of a veth while an XDP program is attached to this end, and gives
// it back afterwards. The program here passes everything.
//
// The link goes with the object, and with the process if that is killed. Control thread.
class VethSegmentation {
 public:
  // Whether the device is one end of a veth.
  static bool concerns(const std::string& device);

  // nullopt with a text if the kernel refuses.
  static std::optional<VethSegmentation> switch_off(const std::string& device, std::string& error);

  VethSegmentation(VethSegmentation&& other) noexcept;
  VethSegmentation& operator=(VethSegmentation&& other) noexcept;
  VethSegmentation(const VethSegmentation&) = delete;
  VethSegmentation& operator=(const VethSegmentation&) = delete;
  ~VethSegmentation();

 private:
  explicit VethSegmentation(int link) : link_(link) {}

  int link_ = -1;
};

}  // namespace alkaid
