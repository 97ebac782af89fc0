#include "control/agent/ncm/ncm_client.hpp"

#include <utility>

#include <fmt/format.h>

namespace alkaid::agent {
namespace {

// A manager that comes back is noticed within this time.
constexpr int kLongestBackoffMilliseconds = 2000;
constexpr int kFirstBackoffMilliseconds = 100;
// As long as a call waits: a manager may take its time for TCP, TLS and its greeting. gRPC's name
// for that is misleading: it is no back-off.
constexpr int kConnectMilliseconds = 5000;

constexpr const char* kPlaintextWayOut =
    "It is asked in plaintext; one that speaks TLS needs --ncm-tls-ca here";
constexpr const char* kTlsWayOut =
    "It is asked over TLS: its certificate must be signed by one of --ncm-tls-ca and have the name "
    "of --ncm or --ncm-tls-server-name, and it may ask for --ncm-tls-certificate";

}  // namespace

struct NcmClient::Call {
  grpc::ClientContext context;
  alcor::schema::HostRequest request;
  alcor::schema::HostRequestReply reply;
  std::function<void(NcmAnswer)> done;
};

std::unique_ptr<NcmClient> NcmClient::make(const NcmConfig& config, EventLog& events,
                                           std::string& error) {
  std::unique_ptr<NcmClient> client{new NcmClient{config, events}};
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstBackoffMilliseconds);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kLongestBackoffMilliseconds);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectMilliseconds);
  if (!config.server_name.empty()) {
    arguments.SetSslTargetNameOverride(config.server_name);
  }
  client->connection_ = ReloadingChannel::make(config.address, config.tls, arguments, error);
  if (!client->connection_) {
    error = fmt::format("TLS for --ncm: {}", error);
    return nullptr;
  }
  return client;
}

NcmClient::NcmClient(const NcmConfig& config, EventLog& events)
    : outage_(config.address, config.tls ? kTlsWayOut : kPlaintextWayOut, events) {}

NcmClient::~NcmClient() {
  std::unique_lock lock{mutex_};
  for (Call* call : calls_) {
    call->context.TryCancel();
  }
  idle_.wait(lock, [this] { return calls_.empty(); });
}

std::shared_ptr<NcmClient::Stub> NcmClient::stub() {
  const auto channel = connection_->channel();
  const std::lock_guard lock{mutex_};
  if (channel != channel_) {
    channel_ = channel;
    stub_ = alcor::schema::GoalStateProvisioner::NewStub(channel);
  }
  return stub_;
}

void NcmClient::request(alcor::schema::HostRequest request, std::chrono::milliseconds deadline,
                        std::function<void(NcmAnswer)> done) {
  auto owned = std::make_unique<Call>();
  Call* call = owned.release();
  call->request = std::move(request);
  call->done = std::move(done);
  call->context.set_deadline(std::chrono::system_clock::now() + deadline);
  {
    const std::lock_guard lock{mutex_};
    calls_.insert(call);
  }
  stub()->async()->RequestGoalStates(
      &call->context, &call->request, &call->reply, [this, call](grpc::Status status) {
        const std::unique_ptr<Call> finished{call};
        outage_.ended(status, std::chrono::steady_clock::now());
        finished->done({std::move(status), std::move(finished->reply)});
        const std::lock_guard lock{mutex_};
        calls_.erase(call);
        idle_.notify_all();
      });
}

}  // namespace alkaid::agent
