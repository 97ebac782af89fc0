#include "control/agent/ncm/ncm_client.hpp"

#include <utility>

#include <fmt/format.h>

#include "control/common/tls/channel_credentials.hpp"

namespace alkaid::agent {
namespace {

// A manager that comes back is noticed within this time.
constexpr int kLongestReconnectMilliseconds = 2000;
constexpr int kFirstReconnectMilliseconds = 100;

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
  auto credentials = config.tls ? make_channel_credentials(*config.tls, error)
                                : grpc::InsecureChannelCredentials();
  if (!credentials) {
    error = fmt::format("TLS for --ncm: {}", error);
    return nullptr;
  }
  return std::unique_ptr<NcmClient>{new NcmClient{config, std::move(credentials), events}};
}

NcmClient::NcmClient(const NcmConfig& config, std::shared_ptr<grpc::ChannelCredentials> credentials,
                     EventLog& events)
    : outage_(config.address, config.tls ? kTlsWayOut : kPlaintextWayOut, events) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectMilliseconds);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kFirstReconnectMilliseconds);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kLongestReconnectMilliseconds);
  if (!config.server_name.empty()) {
    arguments.SetSslTargetNameOverride(config.server_name);
  }
  stub_ = alcor::schema::GoalStateProvisioner::NewStub(
      grpc::CreateCustomChannel(config.address, std::move(credentials), arguments));
}

NcmClient::~NcmClient() {
  std::unique_lock lock{mutex_};
  for (Call* call : calls_) {
    call->context.TryCancel();
  }
  idle_.wait(lock, [this] { return calls_.empty(); });
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
  stub_->async()->RequestGoalStates(
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
