#include "dataplane/offload/rule.hpp"

#include <array>
#include <cstddef>
#include <cstring>
#include <initializer_list>

#include "dataplane/flow/flow_hash.hpp"

namespace alkaid {
namespace {

class Digest {
 public:
  void add(std::uint64_t value) {
    state_ = multiply_fold(state_ ^ value, kFlowSecrets.words[0]) + kFlowSecrets.words[1];
  }
  template <class Bytes>
  void add_bytes(const Bytes& bytes) {
    std::array<std::uint64_t, (sizeof(bytes) + 7) / 8> words{};
    std::memcpy(words.data(), &bytes, sizeof(bytes));
    for (const std::uint64_t word : words) {
      add(word);
    }
  }
  [[nodiscard]] std::uint64_t value() const { return state_; }

 private:
  std::uint64_t state_ = kFlowSecrets.words[2];
};

constexpr std::uint64_t packed(std::initializer_list<std::uint16_t> values) {
  std::uint64_t result = 0;
  for (const std::uint16_t value : values) {
    result = result << 16 | value;
  }
  return result;
}

}  // namespace

std::uint64_t OffloadRule::digest() const {
  Digest digest;
  digest.add(packed({static_cast<std::uint16_t>(kind), proxy, ingress, egress}));
  const std::array flags{is_v6, from_wire, into_tunnel, write_destination, write_source, take_hop};
  std::uint16_t bits = 0;
  for (const bool flag : flags) {
    bits = static_cast<std::uint16_t>(bits << 1 | static_cast<int>(flag));
  }
  digest.add(packed({bits, protocol, ecn, outer_ecn}));
  for (const MacAddress& mac :
       {destination_mac, source_mac, uplink_mac, new_destination, new_source}) {
    digest.add(mac.number());
  }
  digest.add_bytes(source);
  digest.add_bytes(destination);
  digest.add(std::uint64_t{ports} << 32 | vtep.raw());
  digest.add(std::uint64_t{vni} << 32 | vxlan_port.raw());
  digest.add_bytes(link);
  digest.add_bytes(tunnel);
  return digest.value();
}

}  // namespace alkaid
