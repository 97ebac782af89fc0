// Reads any bytes as a neighbor state in its usual form: what is taken says what protobuf and the
// decoder of resources say.
//
// Input: an encoded NeighborState.
#include <cstddef>
#include <cstdint>
#include <string>

#include "control/agent/goal_state/decoder.hpp"
#include "control/agent/goal_state/usual_neighbor.hpp"
#include "tests/fuzz/require.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alkaid::agent;
  const std::string bytes{data, data + size};
  const auto usual = read_usual_neighbor(bytes);
  if (!usual) {
    return 0;
  }
  alcor::schema::GoalState message;
  ALKAID_REQUIRE(message.add_neighbor_states()->ParseFromString(bytes));
  std::string error;
  static const auto attach = PortAttach::parse("null:", error);
  const auto decoded = decode(message, {*attach, {}});
  ALKAID_REQUIRE(decoded.neighbors.size() == 1 && decoded.results.size() == 1);
  const auto& change = decoded.neighbors.front();
  ALKAID_REQUIRE(change.intent == Intent::kSet && change.id == usual->id);
  ALKAID_REQUIRE(change.revision == usual->revision);
  ALKAID_REQUIRE(decoded.results.front().operation == usual->operation);
  ALKAID_REQUIRE(change.spec.mac == usual->mac && change.spec.host == usual->host);
  ALKAID_REQUIRE(change.spec.pairs.empty() && change.spec.security_group_ids.empty());
  ALKAID_REQUIRE(change.spec.addresses.size() == 1);
  const NeighborAddress& address = change.spec.addresses.front();
  ALKAID_REQUIRE(address.subnet_id == usual->address.subnet_id);
  ALKAID_REQUIRE(address.vni == usual->address.vni && address.address == usual->address.address);
  return 0;
}
