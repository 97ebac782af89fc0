// Where one instance's run-time files live. Several instances run side by side on one machine.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace alkaid {

// Names and sockets of an instance, by default below /run/alkaid/NAME.
struct Instance {
  std::string name = "default";
  std::string run_directory = "/run/alkaid/default";

  // run_directory empty: /run/alkaid/NAME. nullopt if the name is not [A-Za-z0-9_.-]{1,64} or
  // starts with a dot.
  static std::optional<Instance> make(std::string_view name, std::string_view run_directory);

  [[nodiscard]] std::string dataplane_socket() const { return run_directory + "/dataplane.sock"; }
  [[nodiscard]] std::string agent_socket() const { return run_directory + "/agent.sock"; }
};

// Creates the run directory (mode 0750) and its parents. Returns an error text, empty if it is
// there.
std::string create_run_directory(const Instance& instance);

// Holds an exclusive lock on RUN_DIR/PROGRAM.lock for as long as it lives, so that one instance has
// one process of a kind. The kernel releases it with the process, also after kill -9.
class InstanceLock {
 public:
  // nullopt if another process holds the lock or the file can't be made; `error` then says why and
  // names the other process.
  static std::optional<InstanceLock> acquire(const Instance& instance, std::string_view program,
                                             std::string& error);
  InstanceLock(InstanceLock&& other) noexcept;
  InstanceLock& operator=(InstanceLock&& other) noexcept;
  InstanceLock(const InstanceLock&) = delete;
  InstanceLock& operator=(const InstanceLock&) = delete;
  ~InstanceLock();

 private:
  explicit InstanceLock(int descriptor) : descriptor_(descriptor) {}

  int descriptor_ = -1;
};

}  // namespace alkaid
