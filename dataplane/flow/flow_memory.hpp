// Memory of the flow tables: reserved at start, taken from the system page by page as it is first
// touched, in huge pages where the kernel has them.
#pragma once

#include <cstddef>

namespace alkaid {

class FlowMemory {
 public:
  // Zeroed, aligned to a page. Throws std::bad_alloc.
  explicit FlowMemory(std::size_t bytes);
  ~FlowMemory();
  FlowMemory(const FlowMemory&) = delete;
  FlowMemory& operator=(const FlowMemory&) = delete;

  template <class T>
  [[nodiscard]] T* as() const {
    return static_cast<T*>(memory_);
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  void* memory_;
  std::size_t bytes_;
};

}  // namespace alkaid
