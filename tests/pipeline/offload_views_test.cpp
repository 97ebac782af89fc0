// Connections in hardware as the local API shows, flushes and switches them.
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/api/change_connections.hpp"
#include "dataplane/api/offload_service.hpp"
#include "dataplane/api/show.hpp"
#include "dataplane/api/show_connections.hpp"
#include "tests/pipeline/offload_lab.hpp"

namespace alkaid::test {
namespace {

namespace v1 = dataplane::v1;

// Of a connection's packets each way five are hardware's at least, and all but one at most.
constexpr std::uint64_t kInHardware = 5;
constexpr std::uint64_t kOfAll = 7;
constexpr std::size_t kTunnel = 50;  // bytes of outer headers

class OffloadViews : public Offload {
 protected:
  void talk_in_hardware(const Flow& flow) {
    talk.establish(flow);
    ASSERT_EQ(nic().rules(), 4U);
    const std::uint64_t before = nic().forwarded();
    for (std::uint64_t i = 0; i < kInHardware; ++i) {
      talk.there(flow);
      talk.back(flow);
    }
    ASSERT_EQ(nic().forwarded() - before, 2 * kInHardware);
    let_pass(1000);  // until they are read
  }
  v1::ShowPortsResponse::PortInfo show_port(const std::string& id) {
    v1::ShowPortsRequest request;
    request.set_id(id);
    v1::ShowPortsResponse response;
    show_ports(lab.dataplane(), request, response);
    EXPECT_EQ(response.ports_size(), 1);
    return response.ports_size() == 1 ? response.ports(0) : v1::ShowPortsResponse::PortInfo{};
  }
  std::vector<v1::ConnectionInfo> list(const v1::ShowConnectionsRequest& request) {
    ConnectionListing listing(lab.dataplane(), request);
    EXPECT_TRUE(listing.start().ok());
    std::vector<v1::ConnectionInfo> found;
    for (bool has_more = true; has_more;) {
      v1::ShowConnectionsResponse batch;
      has_more = listing.next(batch);
      found.insert(found.end(), batch.connections().begin(), batch.connections().end());
    }
    return found;
  }
  static void expect_both(const v1::ConnectionInfo& connection, std::size_t frame) {
    for (const auto& direction : {connection.original(), connection.reply()}) {
      EXPECT_EQ(direction.packets(), kOfAll);
      EXPECT_EQ(direction.bytes(), kOfAll * frame);
    }
  }
};

TEST_F(OffloadViews, PortsCountBoth) {
  const v1::ShowPortsResponse::PortInfo guest_before = show_port("green-1");
  const v1::ShowPortsResponse::PortInfo uplink_before = show_port("ring:up");
  talk_in_hardware(kUdp);
  const std::size_t frame = frame_of(kUdp, false, {}).size();
  const v1::ShowPortsResponse::PortInfo guest = show_port("green-1");
  EXPECT_EQ(guest.rx_packets() - guest_before.rx_packets(), kOfAll);
  EXPECT_EQ(guest.tx_packets() - guest_before.tx_packets(), kOfAll);
  EXPECT_EQ(guest.rx_bytes() - guest_before.rx_bytes(), kOfAll * frame);
  EXPECT_EQ(guest.tx_bytes() - guest_before.tx_bytes(), kOfAll * frame);
  const v1::ShowPortsResponse::PortInfo uplink = show_port("ring:up");
  EXPECT_EQ(uplink.rx_packets() - uplink_before.rx_packets(), kOfAll);
  EXPECT_EQ(uplink.tx_packets() - uplink_before.tx_packets(), kOfAll);
  EXPECT_EQ(uplink.rx_bytes() - uplink_before.rx_bytes(), kOfAll * (frame + kTunnel));
  EXPECT_EQ(uplink.tx_bytes() - uplink_before.tx_bytes(), kOfAll * (frame + kTunnel));
}

TEST_F(OffloadViews, ConnectionsCountBothAndSayWhoForwardsThem) {
  talk_in_hardware(kUdp);
  const std::size_t frame = frame_of(kUdp, false, {}).size();
  const auto in_order = list({});
  ASSERT_EQ(in_order.size(), 1U);
  EXPECT_TRUE(in_order[0].offloaded());
  expect_both(in_order[0], frame);
  EXPECT_LT(in_order[0].original().idle_milliseconds(), 2500U) << "hardware saw it";
  offloader().set_on(false);
  ASSERT_EQ(list({}).size(), 1U);
  EXPECT_FALSE(list({})[0].offloaded());
  expect_both(list({})[0], frame);
}

// By software's counts alone the other one is larger.
TEST_F(OffloadViews, TheLargestAreChosenByBoth) {
  talk_in_hardware(kUdp);
  offloader().set_on(false);
  const Flow other{.port = 4321};
  for (int i = 0; i < 3; ++i) {
    talk.there(other);
    talk.back(other);
  }
  v1::ShowConnectionsRequest request;
  request.set_top(1);
  const auto found = list(request);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].original().source_port(), kUdp.port);
  expect_both(found[0], frame_of(kUdp, false, {}).size());
}

TEST_F(OffloadViews, AFlushEndsInHardwareBeforeItIsAnswered) {
  talk.establish(kUdp);
  ASSERT_EQ(nic().rules(), 4U);
  ConnectionFlush flush(lab.dataplane(), {});
  while (flush.advance()) {
  }
  EXPECT_EQ(flush.flushed(), 1U);
  EXPECT_EQ(nic().rules(), 0U) << "the answer is given now";
}

// The calls come from another thread, as gRPC's do; packets and time are the control thread's.
TEST_F(OffloadViews, TheServiceShowsAndSwitches) {
  OffloadService service(lab.dataplane());
  Executor& executor = lab.dataplane().executor();
  const auto show = [&] {
    v1::ShowOffloadResponse response;
    EXPECT_TRUE(service.ShowOffload(nullptr, nullptr, &response).ok());
    return response;
  };
  const auto set_on = [&](bool on) {
    v1::SetOffloadRequest request;
    request.set_on(on);
    v1::SetOffloadResponse response;
    EXPECT_TRUE(service.SetOffload(nullptr, &request, &response).ok());
  };
  const auto connections_of = [](const v1::ShowOffloadResponse& response, const std::string& id) {
    for (const auto& port : response.ports()) {
      if (port.id() == id) {
        return port.connections();
      }
    }
    ADD_FAILURE() << "no port " << id;
    return 0U;
  };
  std::jthread client([&] {
    executor.run([&] { talk_in_hardware(kUdp); });
    v1::ShowOffloadResponse shown = show();
    EXPECT_TRUE(shown.on());
    EXPECT_EQ(shown.after_packets(), 0U);
    EXPECT_EQ(shown.idle_seconds(), 10U);
    EXPECT_EQ(shown.capacity(), 65536U);
    EXPECT_EQ(shown.connections(), 1U);
    EXPECT_EQ(shown.rules(), 4U);
    EXPECT_GE(shown.installed(), 1U);
    EXPECT_EQ(shown.late_removals(), 0U);
    EXPECT_EQ(shown.stuck(), 0U);
    EXPECT_EQ(shown.ports_size(), 4);
    EXPECT_EQ(connections_of(shown, "green-1"), 1U);
    EXPECT_EQ(connections_of(shown, "ring:up"), 1U);
    EXPECT_EQ(connections_of(shown, "red-1"), 0U);
    for (const auto& port : shown.ports()) {
      EXPECT_TRUE(port.hardware()) << port.reason();
      const bool is_concerned = port.id() == "green-1" || port.id() == "ring:up";
      EXPECT_EQ(port.rx_packets() >= kInHardware, is_concerned) << port.id();
      EXPECT_EQ(port.tx_packets() >= kInHardware, is_concerned) << port.id();
      EXPECT_LT(port.rx_packets(), kOfAll) << port.id();
      EXPECT_EQ(port.rx_bytes() != 0, is_concerned) << port.id();
      EXPECT_EQ(port.tx_bytes() != 0, is_concerned) << port.id();
    }
    set_on(false);
    executor.run([&] { EXPECT_EQ(nic().all_rules(), 0U) << "before it is answered"; });
    shown = show();
    EXPECT_FALSE(shown.on());
    EXPECT_EQ(shown.connections(), 0U);
    for (const auto& port : shown.ports()) {
      EXPECT_FALSE(port.hardware());
      EXPECT_EQ(port.reason(), "offload is switched off");
    }
    for (const auto& end : shown.ends()) {
      EXPECT_NE(end.description(), "");
      if (end.reason() == "switched_off") {
        EXPECT_EQ(end.connections(), 1U);
      }
    }
    EXPECT_EQ(shown.ends_size(), static_cast<int>(OffloadEnd::kCount));
    EXPECT_EQ(shown.errors_size(), 0);
    executor.run([&] { nic().refuse_rules(ENOTSUP); });
    set_on(true);
    executor.run([&] { talk.establish(kUdp); });
    shown = show();
    EXPECT_TRUE(shown.on());
    EXPECT_EQ(shown.connections(), 0U);
    EXPECT_EQ(shown.errors_size(), 1);
    EXPECT_EQ(shown.errors(0).number(), static_cast<std::uint32_t>(ENOTSUP));
    EXPECT_GE(shown.errors(0).count(), 1U);
    executor.stop();
    v1::ShowOffloadResponse none;
    EXPECT_EQ(service.ShowOffload(nullptr, nullptr, &none).error_code(),
              grpc::StatusCode::UNAVAILABLE);
  });
  executor.serve(std::chrono::milliseconds{1}, [] {});
}

}  // namespace
}  // namespace alkaid::test
