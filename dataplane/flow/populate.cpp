#include "dataplane/flow/populate.hpp"

#include <sys/mman.h>

#include <unistd.h>

namespace alkaid {

void populate(const void* begin, std::size_t bytes) {
  const auto page = static_cast<std::uintptr_t>(::getpagesize());
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  const std::uintptr_t first = address / page * page;
  const std::uintptr_t end = (address + bytes + page - 1) / page * page;
  ::madvise(reinterpret_cast<void*>(first), end - first, MADV_POPULATE_WRITE);
}

}  // namespace alkaid
