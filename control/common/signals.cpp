#include "control/common/signals.hpp"

#include <sys/signalfd.h>

#include <cerrno>
#include <csignal>
#include <system_error>

#include <poll.h>
#include <unistd.h>

namespace alkaid {

SignalWaiter::SignalWaiter() {
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    ::sigaddset(&set, signal);
  }
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  descriptor_ = ::signalfd(-1, &set, SFD_CLOEXEC);
  if (descriptor_ < 0) {
    throw std::system_error(errno, std::generic_category(), "signalfd");
  }
}

int SignalWaiter::wait() {
  signalfd_siginfo information{};
  while (::read(descriptor_, &information, sizeof(information)) != sizeof(information)) {
    if (errno != EINTR) {
      return SIGTERM;
    }
  }
  return static_cast<int>(information.ssi_signo);
}

bool SignalWaiter::is_pending() const {
  pollfd readable{descriptor_, POLLIN, 0};
  return ::poll(&readable, 1, 0) > 0;
}

SignalWaiter::~SignalWaiter() {
  ::close(descriptor_);
}

}  // namespace alkaid
