// How the local API's calls have the control thread do their work.
#pragma once

#include <future>
#include <type_traits>

#include <grpcpp/support/status.h>

#include "dataplane/control/executor.hpp"

namespace alkaid {

// gRPC's threads: runs `work` on the control thread and waits for it. `work` returns nothing or a
// grpc::Status; UNAVAILABLE if the data plane is stopping, and `work` isn't run.
template <class Work>
grpc::Status on_control_thread(Executor& executor, Work&& work) {
  try {
    return executor.run([&]() -> grpc::Status {
      if constexpr (std::is_void_v<decltype(work())>) {
        work();
        return grpc::Status::OK;
      } else {
        return work();
      }
    });
  } catch (const std::future_error&) {
    return {grpc::StatusCode::UNAVAILABLE, "the data plane is stopping"};
  }
}

}  // namespace alkaid
