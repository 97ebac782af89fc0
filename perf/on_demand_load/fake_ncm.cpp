#include "perf/on_demand_load/fake_ncm.hpp"

#include <stdexcept>
#include <thread>

#include <fmt/format.h>

#include "control/common/net/ip_address.hpp"
#include "perf/goal_state_load/push_stream.hpp"
#include "perf/goal_state_load/workload.hpp"

namespace alkaid::perf {

void FakeNcm::start(const std::string& listen) {
  channel_ = open_channel(agent_);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(listen, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  if (!server_ || port == 0) {
    throw std::runtime_error(fmt::format("can't listen on {}", listen));
  }
}

void FakeNcm::stop() {
  if (server_) {
    server_->Shutdown();
    server_.reset();
  }
}

std::vector<FakeNcm::Times> FakeNcm::times() {
  const std::lock_guard lock{mutex_};
  return times_;
}

std::uint64_t FakeNcm::calls() {
  const std::lock_guard lock{mutex_};
  return calls_;
}

grpc::Status FakeNcm::RequestGoalStates(grpc::ServerContext* /*context*/,
                                        const alcor::schema::HostRequest* request,
                                        alcor::schema::HostRequestReply* reply) {
  const auto asked = Clock::now();
  if (request->state_requests_size() == 1 &&
      request->state_requests(0).request_type() == alcor::schema::AGENT_RESTARTED) {
    is_known_ = true;
    return grpc::Status::OK;
  }
  std::vector<std::uint32_t> numbers;
  std::string message;
  const std::uint32_t zero = neighbor(0).ip.host();
  for (const auto& question : request->state_requests()) {
    const auto address = IpAddress::parse(question.destination_ip());
    const std::uint32_t number = address && address->is_v4() ? address->v4().host() - zero : 0;
    auto& status = *reply->add_operation_statuses();
    status.set_request_id(question.request_id());
    if (number < first_ || number - first_ >= times_.size()) {
      status.set_operation_status(alcor::schema::FAILURE);
      continue;
    }
    numbers.push_back(number - first_);
    message += neighbors_message(number, 1);
  }
  std::this_thread::sleep_until(asked + delay_);
  if (!numbers.empty()) {
    PushStream stream{channel_};
    {
      const std::lock_guard lock{mutex_};
      ++calls_;
      for (const std::uint32_t number : numbers) {
        if (times_[number].asked == Clock::time_point{}) {
          times_[number] = {asked, Clock::now()};
        }
      }
    }
    stream.write(to_message(message));
    stream.read();
  }
  return grpc::Status::OK;
}

}  // namespace alkaid::perf
