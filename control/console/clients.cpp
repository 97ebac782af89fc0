#include "control/console/clients.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>

#include "control/common/logging.hpp"

namespace alkaid::console {
namespace {

struct Process {
  std::string_view name;     // as people call it
  std::string_view program;  // as it is started
  std::string_view socket_name;
};

constexpr Process kDataplane{"data plane", "alkaid-dataplane", "dataplane.sock"};
constexpr Process kAgent{"agent", "alkaid-agent", "agent.sock"};

std::shared_ptr<grpc::Channel> make_channel(const std::string& socket) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  // A channel must not wait out the back-off that an earlier one of this console began.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments);
}

// Why a socket can't be connected to, in the words of its user; empty if it can.
std::string connect_error(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return fmt::format("the path is longer than the {} bytes of a Unix socket",
                       sizeof(address.sun_path) - 1);
  }
  path.copy(address.sun_path, path.size());
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    return std::strerror(errno);
  }
  const int result =
      ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int error = errno;
  ::close(descriptor);
  if (result == 0) {
    return {};
  }
  switch (error) {
    case ENOENT:
      return "there is no such socket";
    case ECONNREFUSED:
      return "nobody listens on it: the process has ended";
    case EACCES:
      return "permission denied: run the console as root or as the process's user";
    default:
      return std::strerror(error);
  }
}

// Instances beside this one whose process has a socket.
std::string other_instances(const std::string& run_directory, std::string_view socket_name) {
  std::string names;
  std::error_code error;
  const auto parent = std::filesystem::path{run_directory}.lexically_normal().parent_path();
  for (std::filesystem::directory_iterator entry{parent, error}, end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (std::filesystem::is_socket(entry->path() / socket_name, ignored)) {
      names += (names.empty() ? "" : ", ") + printable(entry->path().string(), 256);
    }
  }
  return names;
}

Failure not_running(const Instance& instance, const Process& process, const std::string& why) {
  std::string message = fmt::format(
      "the {} does not answer at {}/{}: {}\n"
      "Start it with {} --instance {} ..., or choose an instance with --instance NAME or --run-dir "
      "DIR.",
      process.name, printable(instance.run_directory, 256), process.socket_name, why,
      process.program, instance.name);
  const std::string others = other_instances(instance.run_directory, process.socket_name);
  if (!others.empty()) {
    message += fmt::format("\nRun directories with such a socket: {}", others);
  }
  return {ExitCode::kNotRunning, message};
}

Failure to_failure(const Instance& instance, const Process& process, const std::string& socket,
                   const grpc::Status& status) {
  const std::string reason = printable(status.error_message(), 512);
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE: {
      const std::string why = connect_error(socket);
      return not_running(instance, process, why.empty() ? reason : why);
    }
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return {ExitCode::kNotRunning,
              fmt::format("the {} took the call at {} and did not answer in time; see its log",
                          process.name, printable(socket, 256))};
    case grpc::StatusCode::UNIMPLEMENTED:
      return {
          ExitCode::kRefused,
          fmt::format("the running {} does not know this command; is it older than the console?",
                      process.name)};
    default:
      return {ExitCode::kRefused, fmt::format("the {} refused: {}", process.name, reason)};
  }
}

template <class Stub, class MakeStub, class Call>
std::optional<Failure> run_call(const Instance& instance, const Process& process,
                                const std::string& socket, std::unique_ptr<Stub>& stub,
                                const MakeStub& make_stub, const Call& call,
                                std::chrono::milliseconds timeout) {
  if (stub == nullptr) {
    stub = make_stub(make_channel(socket));
  }
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  const grpc::Status status = call(*stub, &context);
  if (status.ok()) {
    return std::nullopt;
  }
  stub.reset();
  return to_failure(instance, process, socket, status);
}

}  // namespace

std::optional<Failure> Clients::call_dataplane(
    const std::function<grpc::Status(DataplaneStub&, grpc::ClientContext*)>& call,
    std::chrono::milliseconds timeout) {
  return run_call(
      instance_, kDataplane, instance_.dataplane_socket(), dataplane_,
      [](const auto& channel) { return dataplane::v1::Dataplane::NewStub(channel); }, call,
      timeout);
}

std::optional<Failure> Clients::call_placement(
    const std::function<grpc::Status(PlacementStub&, grpc::ClientContext*)>& call,
    std::chrono::milliseconds timeout) {
  return run_call(
      instance_, kDataplane, instance_.dataplane_socket(), placement_,
      [](const auto& channel) { return dataplane::v1::Placement::NewStub(channel); }, call,
      timeout);
}

std::optional<Failure> Clients::call_vhost(
    const std::function<grpc::Status(VhostStub&, grpc::ClientContext*)>& call,
    std::chrono::milliseconds timeout) {
  return run_call(
      instance_, kDataplane, instance_.dataplane_socket(), vhost_,
      [](const auto& channel) { return dataplane::v1::Vhost::NewStub(channel); }, call, timeout);
}

std::optional<Failure> Clients::call_xdp(
    const std::function<grpc::Status(XdpStub&, grpc::ClientContext*)>& call,
    std::chrono::milliseconds timeout) {
  return run_call(
      instance_, kDataplane, instance_.dataplane_socket(), xdp_,
      [](const auto& channel) { return dataplane::v1::Xdp::NewStub(channel); }, call, timeout);
}

std::optional<Failure> Clients::call_offload(
    const std::function<grpc::Status(OffloadStub&, grpc::ClientContext*)>& call,
    std::chrono::milliseconds timeout) {
  return run_call(
      instance_, kDataplane, instance_.dataplane_socket(), offload_,
      [](const auto& channel) { return dataplane::v1::Offload::NewStub(channel); }, call, timeout);
}

std::optional<Failure> Clients::call_agent(
    const std::function<grpc::Status(AgentStub&, grpc::ClientContext*)>& call,
    std::chrono::milliseconds timeout) {
  return run_call(
      instance_, kAgent, instance_.agent_socket(), agent_,
      [](const auto& channel) { return agent::v1::Agent::NewStub(channel); }, call, timeout);
}

}  // namespace alkaid::console
