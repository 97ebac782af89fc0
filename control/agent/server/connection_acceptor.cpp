#include "control/agent/server/connection_acceptor.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

namespace alkaid::agent {
namespace {

using namespace std::chrono_literals;

constexpr int kBacklog = 4096;
constexpr auto kWarningInterval = 10s;
// After the kernel had no room for a socket: give it time instead of asking again and again.
constexpr auto kExhaustedPause = 10ms;

void close_if_open(int& descriptor) {
  if (descriptor >= 0) {
    ::close(std::exchange(descriptor, -1));
  }
}

// IPv4 as ::ffff:a.b.c.d: what an IPv6 socket of both families takes.
sockaddr_in6 both_families(const IpAddress& address, std::uint16_t port) {
  sockaddr_in6 socket{};
  socket.sin6_family = AF_INET6;
  socket.sin6_port = htons(port);
  std::memcpy(&socket.sin6_addr, address.bytes().data(), sizeof(socket.sin6_addr));
  return socket;
}

sockaddr_in only_v4(const IpAddress& address, std::uint16_t port) {
  sockaddr_in socket{};
  socket.sin_family = AF_INET;
  socket.sin_port = htons(port);
  socket.sin_addr.s_addr = htonl(address.v4().host());
  return socket;
}

template <class Address>
int bind_and_listen(const Address& address) {
  const int family = reinterpret_cast<const sockaddr&>(address).sa_family;
  int descriptor = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    return -1;
  }
  const int on = 1;
  const int off = 0;
  ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (family == AF_INET6) {
    ::setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  }
  if (::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(descriptor, kBacklog) != 0) {
    const int error = errno;
    close_if_open(descriptor);
    errno = error;
  }
  return descriptor;
}

int port_of(int descriptor) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

IpAddress address_of(const sockaddr_storage& peer) {
  if (peer.ss_family == AF_INET6) {
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr, bytes.size());
    return IpAddress{bytes};
  }
  return Ipv4Address{ntohl(reinterpret_cast<const sockaddr_in&>(peer).sin_addr.s_addr)};
}

int open_spare() {
  return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

}  // namespace

std::string ConnectionAcceptor::listen(const std::string& address, std::uint16_t port) {
  const auto parsed = IpAddress::parse(address);
  if (!parsed) {
    return "no IPv4 or IPv6 address";
  }
  const bool every = parsed->is_unset() || *parsed == IpAddress{Ipv4Address{}};
  if (every) {
    listener_ = bind_and_listen(both_families(IpAddress{}, port));
    if (listener_ < 0 && errno == EAFNOSUPPORT) {
      listener_ = bind_and_listen(only_v4(Ipv4Address{}, port));
    }
  } else {
    listener_ = parsed->is_v4() ? bind_and_listen(only_v4(*parsed, port))
                                : bind_and_listen(both_families(*parsed, port));
  }
  if (listener_ < 0) {
    return std::strerror(errno);
  }
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0) {
    return std::strerror(errno);
  }
  spare_ = open_spare();
  port_ = port_of(listener_);
  return {};
}

void ConnectionAcceptor::start(
    std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> server) {
  server_ = std::move(server);
  thread_ = std::thread{[this] { run(); }};
}

void ConnectionAcceptor::stop() {
  if (thread_.joinable()) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_, &one, sizeof(one));
    thread_.join();
  }
  close_if_open(listener_);
  close_if_open(wake_);
  close_if_open(spare_);
}

ConnectionAcceptor::Counters ConnectionAcceptor::counters() {
  const std::lock_guard lock{mutex_};
  return {accepted_, refused_, connections_.sweep()};
}

void ConnectionAcceptor::run() {
  std::array<pollfd, 2> waiting{pollfd{listener_, POLLIN, 0}, pollfd{wake_, POLLIN, 0}};
  while (true) {
    ::poll(waiting.data(), waiting.size(), -1);
    if (waiting[1].revents != 0) {
      return;
    }
    // Between two looks at wake_ not without end.
    for (int i = 0; i < kBacklog && accept_one(); ++i) {
    }
  }
}

bool ConnectionAcceptor::accept_one() {
  sockaddr_storage peer{};
  socklen_t size = sizeof(peer);
  const int descriptor =
      ::accept4(listener_, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (descriptor < 0) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      return refuse_one();
    }
    return errno != EAGAIN && errno != EINVAL;  // others are of one connection
  }
  const IpAddress address = address_of(peer);
  {
    const std::lock_guard lock{mutex_};
    if (!connections_.has_room(address)) {
      ::close(descriptor);
      tell_refusal("too many are open, in all (--max-connections) or from one address");
      return true;
    }
    connections_.add(descriptor, address);
  }
  ++accepted_;
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
  connection.listener_fd = listener_;
  connection.fd = descriptor;
  server_->HandleNewConnection(&connection);
  return true;
}

bool ConnectionAcceptor::refuse_one() {
  close_if_open(spare_);
  int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  const bool is_refused = descriptor >= 0;
  if (is_refused) {
    close_if_open(descriptor);
    tell_refusal("no file descriptors are left");
  } else {
    std::this_thread::sleep_for(kExhaustedPause);
  }
  spare_ = open_spare();
  return is_refused;
}

void ConnectionAcceptor::tell_refusal(const char* reason) {
  ++refused_;
  const auto now = std::chrono::steady_clock::now();
  if (now >= next_warning_) {
    next_warning_ = now + kWarningInterval;
    spdlog::warn("goal-state connections are refused: {} ({} so far)", reason, refused_.load());
  }
}

}  // namespace alkaid::agent
