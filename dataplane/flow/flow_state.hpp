// Everything about flows that all workers share.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

#include <rte_cycles.h>

#include "dataplane/conntrack/connection_state.hpp"
#include "dataplane/flow/connection_table.hpp"
#include "dataplane/flow/offload_notices.hpp"
#include "dataplane/flow/port_connections.hpp"
#include "dataplane/flow/port_stamps.hpp"
#include "dataplane/flow/tcp_windows.hpp"

namespace alkaid {

// When TCP without a SYN may open a connection at a port that enforces a policy (which must allow
// it all the same).
enum class MidStreamPickup : std::uint8_t {
  kWindow,  // for a while after the port appeared here: restart, migration
  kAlways,
  kNever,
};

struct FlowSettings {
  std::uint32_t connections = 1U << 20;    // of each address family
  std::uint32_t connections_per_port = 0;  // 0: as many as there is room for
  bool fast_path = true;                   // false: every packet is decided by the slow path
  MidStreamPickup mid_stream = MidStreamPickup::kWindow;
  std::uint32_t mid_stream_seconds = 120;
  bool tcp_window_check = false;  // and every TCP packet is decided by the slow path
  ConnectionTimeouts timeouts;
};

// Milliseconds by the time stamp counter.
class FlowClock {
 public:
  FlowClock() : cycles_per_millisecond_(rte_get_tsc_hz() / 1000) {}

  [[nodiscard]] Milliseconds at(std::uint64_t tsc) const {
    return static_cast<Milliseconds>(tsc / cycles_per_millisecond_) +
           offset_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] Milliseconds now() const { return at(rte_rdtsc()); }
  // Tests let time pass.
  void advance(Milliseconds by) { offset_.fetch_add(by, std::memory_order_relaxed); }

 private:
  const std::uint64_t cycles_per_millisecond_;
  std::atomic<Milliseconds> offset_{0};
};

// What is kept per guest port for its connections.
struct PortFlows {
  std::atomic<Milliseconds> since{0};  // when the port appeared here, or went
};

struct FlowState {
  FlowState(const FlowSettings& flow_settings, std::size_t workers, std::size_t most_ports)
      : settings(flow_settings),
        v4(flow_settings.connections, workers),
        v6(flow_settings.connections, workers),
        stamps(most_ports),
        ports(most_ports),
        port_connections(workers, most_ports),
        offload_notices(workers),
        timeouts(new ConnectionTimeouts(flow_settings.timeouts)) {
    if (flow_settings.tcp_window_check) {
      tcp_windows_v4 = std::make_unique<TcpWindows>(v4.capacity() + v4.reserve());
      tcp_windows_v6 = std::make_unique<TcpWindows>(v6.capacity() + v6.reserve());
    }
  }
  ~FlowState() { delete timeouts.load(); }
  FlowState(const FlowState&) = delete;
  FlowState& operator=(const FlowState&) = delete;

  template <class Key>
  [[nodiscard]] ConnectionTable<Key>& table() {
    if constexpr (std::is_same_v<Key, FlowKeyV4>) {
      return v4;
    } else {
      return v6;
    }
  }

  // nullptr: windows are not checked.
  template <class Key>
  [[nodiscard]] TcpWindows* tcp_windows() {
    return Key::kIsV6 ? tcp_windows_v6.get() : tcp_windows_v4.get();
  }

  // Takes a connection down, if it has still the life that was seen: out of the index, off the
  // quota. Its memory may be given back after a grace period. writer: who calls (PortConnections).
  template <class Key>
  bool end_connection(std::size_t writer, ConnectionNumber number, std::uint32_t life) {
    if (!table<Key>().end_life(number, life)) {
      return false;
    }
    forget_ended<Key>(writer, number);
    return true;
  }
  // The rest of it, by who has ended the life.
  template <class Key>
  void forget_ended(std::size_t writer, ConnectionNumber number) {
    table<Key>().unlink(number);
    const FlowPort charged = table<Key>().record(number).charged_port();
    if (charged != kUnderlayPort) {
      port_connections.subtract(writer, charged);
    }
    ConnectionRecord& record = table<Key>().record(number);
    if ((record.state.load(std::memory_order_seq_cst) & ConnectionRecord::kOffloaded) != 0)
        [[unlikely]] {
      offload_notices.tell(writer, {.number = number, .ipv6 = Key::kIsV6});
    }
  }

  const FlowSettings settings;
  FlowClock clock;
  ConnectionTable<FlowKeyV4> v4;
  ConnectionTable<FlowKeyV6> v6;
  std::unique_ptr<TcpWindows> tcp_windows_v4;
  std::unique_ptr<TcpWindows> tcp_windows_v6;
  PortStamps stamps;
  std::vector<PortFlows> ports;
  PortConnections port_connections;
  OffloadNotices offload_notices;
  // Replaced as a whole by the control thread.
  std::atomic<const ConnectionTimeouts*> timeouts;
};

}  // namespace alkaid
