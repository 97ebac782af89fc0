// A guest by vhost-user beside ports of a card: whatever it sends or receives is software's, and
// why is told.
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/api/show_connections.hpp"
#include "dataplane/offload/offloader.hpp"
#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"
#include "tests/pipeline/software_nic.hpp"
#include "tests/pipeline/vhost_lab.hpp"

namespace alkaid::test {
namespace {

using namespace net;
namespace v1 = dataplane::v1;

constexpr std::uint64_t kRounds = 10;

// By UDP, from a client or its answer.
Bytes frame_between(const Station& client, const Station& server, bool reply) {
  const Station& from = reply ? server : client;
  const Station& to = reply ? client : server;
  return packet()
      .ethernet({.source = from.mac, .destination = to.mac})
      .ipv4({.source = from.ip, .destination = to.ip})
      .udp({.source_port = static_cast<std::uint16_t>(reply ? 443 : 1234),
            .destination_port = static_cast<std::uint16_t>(reply ? 1234 : 443)})
      .payload(Bytes(16, 0x5a))
      .build();
}

class VhostBesideACard : public ::testing::Test {
 protected:
  VhostBesideACard() { vhost.connect(); }

  static SoftwareNic& nic() { return PluggedNic::nic(); }
  PipelineLab& lab() { return *vhost.lab; }

  void send(const std::string& port, const Bytes& frame) {
    if (port == "vm-1") {
      ASSERT_TRUE(vhost.guest->send({frame}));
    } else if (port == "up") {
      lab().send(port, {tunnelled(frame, uplink_mac(lab()))});
    } else {
      lab().send(port, {frame});
    }
    vhost.walk();
  }
  std::vector<Bytes> take(const std::string& port) {
    return port == "vm-1" ? vhost.guest->take()
           : port == "up" ? vhost.take_from_wire()
                          : lab().take(port);
  }
  void talk(const std::string& client_port, const Station& client, const std::string& server_port,
            const Station& server) {
    const Bytes there = frame_between(client, server, false);
    const Bytes back = frame_between(client, server, true);
    for (std::uint64_t i = 0; i < kRounds; ++i) {
      send(client_port, there);
      ASSERT_EQ(take(server_port), Frames{there}) << i;
      send(server_port, back);
      ASSERT_EQ(take(client_port), Frames{back}) << i;
    }
  }
  std::vector<v1::ConnectionInfo> connections_of(const std::string& port) {
    v1::ShowConnectionsRequest request;
    request.mutable_filter()->set_port(port);
    ConnectionListing listing(lab().dataplane(), request);
    EXPECT_TRUE(listing.start().ok());
    std::vector<v1::ConnectionInfo> found;
    for (bool has_more = true; has_more;) {
      v1::ShowConnectionsResponse batch;
      has_more = listing.next(batch);
      found.insert(found.end(), batch.connections().begin(), batch.connections().end());
    }
    return found;
  }

  PluggedNic plugged;
  VhostLab vhost;
};

TEST_F(VhostBesideACard, IsSoftwares) {
  talk("vm-1", kMachine, "up", kGreen2);
  talk("vm-1", kMachine, "green-3", kGreen3);
  talk("green-3", kGreen3, "vm-1", kMachine);
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_EQ(nic().forwarded(), 0U);
  talk("green-1", kGreen1, "up", kGreen2);
  EXPECT_EQ(nic().rules(), 4U) << "of a guest that is behind the card";
  EXPECT_GT(nic().forwarded(), kRounds);

  const auto by_vhost = connections_of("vm-1");
  EXPECT_EQ(by_vhost.size(), 3U);
  for (const auto& connection : by_vhost) {
    EXPECT_FALSE(connection.offloaded());
    EXPECT_EQ(connection.original().packets(), kRounds);
    EXPECT_EQ(connection.reply().packets(), kRounds);
  }
  const auto by_card = connections_of("green-1");
  ASSERT_EQ(by_card.size(), 1U);
  EXPECT_TRUE(by_card[0].offloaded());

  const Port& machine = *lab().dataplane().ports().find("vm-1");
  for (const auto& view : lab().dataplane().offloader().port_views()) {
    EXPECT_EQ(view.is_hardware, view.port != machine.index) << view.reason;
    if (view.port == machine.index) {
      EXPECT_EQ(view.reason, "vhost-user has no hardware behind it");
      EXPECT_EQ(view.connections, 0U);
    }
  }
}

}  // namespace
}  // namespace alkaid::test
