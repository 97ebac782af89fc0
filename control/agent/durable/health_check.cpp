#include "control/agent/durable/health_check.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fmt/format.h>
#include <unistd.h>

#include "control/agent/durable/environment.hpp"

namespace alkaid::agent::durable {
namespace {

constexpr int kHealthy = 0;
constexpr int kDamaged = 1;

// A loop of pages would keep it reading: a minute is far more than the largest file takes.
constexpr unsigned kMostSeconds = 60;

[[noreturn]] void run_child(const std::string& path, int answer) {
  ::prctl(PR_SET_DUMPABLE, 0);  // its end by a signal is an answer, not a crash
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  constexpr std::array kFatal = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGALRM};
  std::for_each(kFatal.begin(), kFatal.end(), [](int signal) { ::signal(signal, SIG_DFL); });
  ::alarm(kMostSeconds);
  int error = 0;
  const auto environment = Environment::open(path, Environment::Mode::kRead, error);
  error = environment ? environment->walk() : error;
  if (error == 0) {
    ::_exit(kHealthy);
  }
  const char* text = mdb_strerror(error);
  static_cast<void>(!::write(answer, text, std::strlen(text)));
  ::_exit(kDamaged);
}

}  // namespace

std::string check_file(const std::string& path) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) {
    return fmt::format("can't be checked: {}", std::strerror(errno));
  }
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    run_child(path, ends[1]);
  }
  ::close(ends[1]);
  std::string text;
  if (child > 0) {
    std::array<char, 256> buffer;
    ssize_t length = 0;
    while ((length = ::read(ends[0], buffer.data(), buffer.size())) > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(length));
    }
  }
  ::close(ends[0]);
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) {
    return fmt::format("can't be checked: {}", std::strerror(errno));
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == kHealthy) {
    return {};
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
    return fmt::format("it could not be read within {} s", kMostSeconds);
  }
  return text.empty() ? "its pages contradict each other or are missing" : text;
}

}  // namespace alkaid::agent::durable
