// What files of the kernel's say about devices, on a host that is made up.
#include "dataplane/ports/kernel_device.hpp"

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include <gtest/gtest.h>
#include <stdlib.h>

namespace alkaid {
namespace {

// Like /sys; removed with the object.
class DeviceFiles {
 public:
  DeviceFiles() {
    std::string pattern = std::filesystem::temp_directory_path() / "alkaid-sys-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
  }
  ~DeviceFiles() { std::filesystem::remove_all(root_); }
  DeviceFiles(const DeviceFiles&) = delete;
  DeviceFiles& operator=(const DeviceFiles&) = delete;

  // text: of the file that says the node; nullopt: there is none, as of devices without hardware.
  void add(const std::string& device, const std::optional<std::string>& text) const {
    const auto directory = root_ / "class/net" / device / "device";
    std::filesystem::create_directories(directory);
    if (text) {
      std::ofstream(directory / "numa_node") << *text;
    }
  }
  [[nodiscard]] std::optional<int> node_of(const std::string& device) const {
    return kernel_device_node(device, root_.string());
  }

 private:
  std::filesystem::path root_;
};

TEST(KernelDeviceNode, IsWhatTheKernelSays) {
  const DeviceFiles files;
  files.add("first", "0\n");
  files.add("second", "1\n");
  files.add("eleventh", "11\n");
  EXPECT_EQ(files.node_of("first"), 0);
  EXPECT_EQ(files.node_of("second"), 1);
  EXPECT_EQ(files.node_of("eleventh"), 11);
}

TEST(KernelDeviceNode, IsNoneWhereTheKernelSaysNone) {
  const DeviceFiles files;
  for (const char* text : {"-1\n", "-2\n", "", "\n", "node\n", "99999999999999999999\n"}) {
    files.add("device", text);
    EXPECT_EQ(files.node_of("device"), std::nullopt) << text;
  }
  files.add("veth", std::nullopt);
  EXPECT_EQ(files.node_of("veth"), std::nullopt);
  EXPECT_EQ(files.node_of("nobody"), std::nullopt);
  EXPECT_EQ(kernel_device_node("lo"), std::nullopt);
}

}  // namespace
}  // namespace alkaid
