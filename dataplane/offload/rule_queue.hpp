// The queue by which a driver takes rules that are made by templates (rte_flow_async_create).
#pragma once

#include <cstdint>

namespace alkaid {

// The only one that we ask for: one thread talks to drivers.
inline constexpr std::uint32_t kRuleQueue = 0;
inline constexpr std::uint32_t kRuleQueueSize = 64;  // operations

// Has the device keep one, if its driver can (rte_flow_configure): after it is configured, before
// it is started, which is why it isn't left until there is something to offload. rules: that it
// must be able to count. False: its rules are made one by one. Control thread.
bool configure_rule_queue(std::uint16_t device, std::uint32_t rules);

}  // namespace alkaid
