// A driver that takes every rule at once and forwards nothing, in place of the library's functions
// (linker --wrap): what is left is what software costs.
#include <cstdint>

#include <rte_ethdev.h>
#include <rte_flow.h>

struct rte_flow {};

extern "C" {

int __real_rte_eth_dev_info_get(std::uint16_t port, rte_eth_dev_info* info);

int __wrap_rte_flow_validate(std::uint16_t /*port*/, const rte_flow_attr* /*attr*/,
                             const rte_flow_item /*pattern*/[], const rte_flow_action /*actions*/[],
                             rte_flow_error* /*error*/) {
  return 0;
}

rte_flow* __wrap_rte_flow_create(std::uint16_t /*port*/, const rte_flow_attr* /*attr*/,
                                 const rte_flow_item /*pattern*/[],
                                 const rte_flow_action /*actions*/[], rte_flow_error* /*error*/) {
  static rte_flow flow;
  return &flow;
}

int __wrap_rte_flow_destroy(std::uint16_t /*port*/, rte_flow* /*flow*/, rte_flow_error* /*error*/) {
  return 0;
}

int __wrap_rte_flow_query(std::uint16_t /*port*/, rte_flow* /*flow*/,
                          const rte_flow_action* /*action*/, void* /*data*/,
                          rte_flow_error* /*error*/) {
  return 0;
}

int __wrap_rte_flow_flush(std::uint16_t /*port*/, rte_flow_error* /*error*/) {
  return 0;
}

int __wrap_rte_flow_pick_transfer_proxy(std::uint16_t /*port*/, std::uint16_t* proxy,
                                        rte_flow_error* /*error*/) {
  *proxy = 0;
  return 0;
}

int __wrap_rte_eth_dev_info_get(std::uint16_t port, rte_eth_dev_info* info) {
  const int result = __real_rte_eth_dev_info_get(port, info);
  info->switch_info.domain_id = 1;
  return result;
}
}
