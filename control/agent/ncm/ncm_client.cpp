#include "control/agent/ncm/ncm_client.hpp"

#include <utility>

namespace alkaid::agent {
namespace {

// A manager that comes back is noticed within this time.
constexpr int kLongestReconnectMilliseconds = 2000;
constexpr int kFirstReconnectMilliseconds = 100;

}  // namespace

struct NcmClient::Call {
  grpc::ClientContext context;
  alcor::schema::HostRequest request;
  alcor::schema::HostRequestReply reply;
  std::function<void(NcmAnswer)> done;
};

NcmClient::NcmClient(const std::string& address,
                     std::shared_ptr<grpc::ChannelCredentials> credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectMilliseconds);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kFirstReconnectMilliseconds);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kLongestReconnectMilliseconds);
  stub_ = alcor::schema::GoalStateProvisioner::NewStub(
      grpc::CreateCustomChannel(address, std::move(credentials), arguments));
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
        finished->done({std::move(status), std::move(finished->reply)});
        const std::lock_guard lock{mutex_};
        calls_.erase(call);
        idle_.notify_all();
      });
}

}  // namespace alkaid::agent
