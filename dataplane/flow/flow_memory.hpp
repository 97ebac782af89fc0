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

  // What `count` objects take; and takes it, behind what was taken before. No part shares a cache
  // line with another one. The parts of one memory waste one huge page's end, not one each.
  template <class T>
  static constexpr std::size_t bytes_of(std::size_t count) {
    constexpr std::size_t kLine = 64;
    return (count * sizeof(T) + kLine - 1) / kLine * kLine;
  }
  template <class T>
  T* take(std::size_t count) {
    void* const part = as<char>() + taken_;
    taken_ += bytes_of<T>(count);
    return static_cast<T*>(part);
  }

 private:
  void* memory_;
  std::size_t bytes_;
  std::size_t taken_ = 0;
};

}  // namespace alkaid
