#include "control/agent/ncm/ncm_outage.hpp"

#include <cstddef>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "control/common/logging.hpp"

namespace alkaid::agent {
namespace {

constexpr std::size_t kLongestReason = 300;  // of what the manager says

}  // namespace

NcmOutage::NcmOutage(std::string address, std::string way_out, EventLog& events)
    : address_(std::move(address)), way_out_(std::move(way_out)), events_(events) {}

void NcmOutage::ended(const grpc::Status& status, Time now) {
  const std::lock_guard lock{mutex_};
  if (status.ok()) {
    if (std::exchange(is_told_, false)) {
      const std::string text =
          fmt::format("the Network Config Manager at {} answers again", address_);
      spdlog::info("{}", text);
      events_.add(v1::Event::INFO, "ncm_answers", text);
    }
    return;
  }
  if (is_told_ || now < next_ || status.error_code() == grpc::StatusCode::CANCELLED) {
    return;
  }
  is_told_ = true;
  next_ = now + kInterval;
  const std::string text =
      fmt::format("the Network Config Manager at {} can't be asked: {}. {}", address_,
                  printable(status.error_message(), kLongestReason), way_out_);
  spdlog::warn("{}", text);
  events_.add(v1::Event::WARNING, "ncm_unreachable", text);
}

}  // namespace alkaid::agent
