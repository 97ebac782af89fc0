#include "dataplane/on_demand/news_bell.hpp"

#include <sys/eventfd.h>

#include <cerrno>
#include <system_error>

#include <poll.h>
#include <unistd.h>

namespace alkaid {

NewsBell::NewsBell() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (descriptor_ < 0) {
    throw std::system_error(errno, std::generic_category(), "eventfd");
  }
}

NewsBell::~NewsBell() {
  ::close(descriptor_);
}

void NewsBell::wake() {
  // Only a counter at its end is refused, and that wakes too.
  ::eventfd_write(descriptor_, 1);
}

void NewsBell::sleep(std::chrono::milliseconds longest) {
  pollfd bell{descriptor_, POLLIN, 0};
  if (::poll(&bell, 1, static_cast<int>(longest.count())) > 0) {
    eventfd_t rings = 0;
    ::eventfd_read(descriptor_, &rings);
  }
}

}  // namespace alkaid
