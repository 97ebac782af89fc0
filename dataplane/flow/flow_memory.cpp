#include "dataplane/flow/flow_memory.hpp"

#include <sys/mman.h>

#include <new>

namespace alkaid {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

}  // namespace

FlowMemory::FlowMemory(std::size_t bytes)
    : bytes_((bytes + kHugePage - 1) / kHugePage * kHugePage) {
  memory_ = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory_ == MAP_FAILED) {
    throw std::bad_alloc();
  }
  // Advice: ordinary pages work as well, only slower.
  ::madvise(memory_, bytes_, MADV_HUGEPAGE);
}

FlowMemory::~FlowMemory() {
  ::munmap(memory_, bytes_);
}

}  // namespace alkaid
