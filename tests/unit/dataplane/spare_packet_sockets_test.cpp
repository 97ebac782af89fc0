// Sockets that are made before they are needed. Making packet sockets takes CAP_NET_RAW.
#include "dataplane/ports/spare_packet_sockets.hpp"

#include <sys/mman.h>
#include <sys/socket.h>

#include <chrono>
#include <optional>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

namespace alkaid {
namespace {

using namespace std::chrono_literals;

PacketSocketShape shape(unsigned blocks) {
  return {.options = {{PACKET_VERSION, TPACKET_V2}, {PACKET_LOSS, 1}},
          .ring = {.tp_block_size = 65536,
                   .tp_block_nr = blocks,
                   .tp_frame_size = 2048,
                   .tp_frame_nr = 32 * blocks}};
}

// Asks again until there is one.
std::optional<int> wait_for(SparePacketSockets& spares, const PacketSocketShape& wanted) {
  for (int i = 0; i < 1000; ++i) {
    if (const auto taken = spares.take(wanted)) {
      return taken;
    }
    std::this_thread::sleep_for(5ms);
  }
  return std::nullopt;
}

bool may_make_packet_sockets() {
  const int socket = make_packet_socket();
  if (socket >= 0) {
    ::close(socket);
  }
  return socket >= 0;
}

TEST(SparePacketSockets, HaveTheRingsThatAnEarlierOneHad) {
  if (!may_make_packet_sockets()) {
    GTEST_SKIP() << "needs CAP_NET_RAW";
  }
  SparePacketSockets spares;
  EXPECT_FALSE(spares.take(shape(16)));
  const auto taken = wait_for(spares, shape(16));
  ASSERT_TRUE(taken);
  void* rings = ::mmap(nullptr, shape(16).bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, *taken, 0);
  EXPECT_NE(rings, MAP_FAILED);
  ::munmap(rings, shape(16).bytes());
  int version = 0;
  socklen_t length = sizeof(version);
  EXPECT_EQ(::getsockopt(*taken, SOL_PACKET, PACKET_VERSION, &version, &length), 0);
  EXPECT_EQ(version, TPACKET_V2);
  ::close(*taken);
}

TEST(SparePacketSockets, AreOfOneShapeEach) {
  if (!may_make_packet_sockets()) {
    GTEST_SKIP() << "needs CAP_NET_RAW";
  }
  SparePacketSockets spares;
  EXPECT_FALSE(spares.take(shape(16)));
  const auto taken = wait_for(spares, shape(16));
  ASSERT_TRUE(taken);
  ::close(*taken);
  EXPECT_FALSE(spares.take(shape(17)));
}

// What is larger than all spare ones may be together isn't made, nor what is refused.
TEST(SparePacketSockets, AreBounded) {
  SparePacketSockets spares;
  EXPECT_GT(shape(256).bytes(), SparePacketSockets::kMostBytes);
  auto refused = shape(16);
  refused.ring.tp_frame_size = 1;
  EXPECT_FALSE(spares.take(shape(256)));
  EXPECT_FALSE(spares.take(refused));
  std::this_thread::sleep_for(150ms);
  EXPECT_FALSE(spares.take(shape(256)));
  EXPECT_FALSE(spares.take(refused));
}

}  // namespace
}  // namespace alkaid
