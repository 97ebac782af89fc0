// A gRPC client's channel whose certificates may be replaced while the program runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <grpcpp/channel.h>
#include <grpcpp/support/channel_arguments.h>

#include "control/common/tls/tls_files.hpp"
#include "control/common/tls/watched_tls_files.hpp"

namespace alkaid {

// gRPC's own watching credentials (1.51) connect with whatever is in the files, also while only one
// of a pair has been replaced; here the last pair that was good stays in force.
class ReloadingChannel {
 public:
  // files: none: plaintext. Null with an error that names the file if they are no good now.
  static std::unique_ptr<ReloadingChannel> make(
      std::string address, const std::optional<TlsFiles>& files, grpc::ChannelArguments arguments,
      std::string& error, std::chrono::milliseconds interval = WatchedTlsFiles::kInterval);

  // Another one than the last time if the files were replaced by good ones; calls that are under
  // way end on the former one. Any thread.
  std::shared_ptr<grpc::Channel> channel();

 private:
  ReloadingChannel(std::string address, grpc::ChannelArguments arguments);

  const std::string address_;
  const grpc::ChannelArguments arguments_;
  std::mutex mutex_;
  std::optional<WatchedTlsFiles> watched_;
  std::uint64_t version_ = 0;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace alkaid
