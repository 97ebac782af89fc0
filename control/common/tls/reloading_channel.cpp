#include "control/common/tls/reloading_channel.hpp"

#include <utility>

#include <grpcpp/create_channel.h>

#include "control/common/tls/channel_credentials.hpp"

namespace alkaid {

ReloadingChannel::ReloadingChannel(std::string address, grpc::ChannelArguments arguments)
    : address_(std::move(address)), arguments_(std::move(arguments)) {}

std::unique_ptr<ReloadingChannel> ReloadingChannel::make(std::string address,
                                                         const std::optional<TlsFiles>& files,
                                                         grpc::ChannelArguments arguments,
                                                         std::string& error,
                                                         std::chrono::milliseconds interval) {
  std::unique_ptr<ReloadingChannel> made{
      new ReloadingChannel{std::move(address), std::move(arguments)}};
  if (files) {
    made->watched_.emplace(*files, interval);
    error = made->watched_->load();
    if (!error.empty()) {
      return nullptr;
    }
  } else {
    made->channel_ = grpc::CreateCustomChannel(made->address_, grpc::InsecureChannelCredentials(),
                                               made->arguments_);
  }
  return made;
}

std::shared_ptr<grpc::Channel> ReloadingChannel::channel() {
  const std::lock_guard lock{mutex_};
  if (const auto material = watched_ ? watched_->newer_than(version_) : std::nullopt) {
    channel_ = grpc::CreateCustomChannel(address_, make_channel_credentials(*material), arguments_);
  }
  return channel_;
}

}  // namespace alkaid
