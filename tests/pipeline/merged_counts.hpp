// What connections have counted in software and on the network card, where the suite has one.
#pragma once

#include <cstdint>

#include "dataplane/flow/connection_keeper.hpp"
#include "dataplane/flow/connection_search.hpp"
#include "dataplane/offload/offloader.hpp"
#include "tests/pipeline/pipeline_lab.hpp"

namespace alkaid::test {

// All connections come back from the card, so that what it has counted is known; their next packets
// are software's until the card has them again.
inline void read_card(PipelineLab& lab) {
  Offloader& offloader = lab.dataplane().offloader();
  const auto bring_back = [&offloader]<class Key>(ConnectionTable<Key>& table,
                                                  ConnectionNumber number) {
    if ((table.record(number).state.load() & ConnectionRecord::kOffloaded) != 0) {
      offloader.bring_back(Key::kIsV6, number);
    }
  };
  if (offloader.is_on()) {
    lab.dataplane().connections().for_each<FlowKeyV4>(bring_back);
    lab.dataplane().connections().for_each<FlowKeyV6>(bring_back);
    while (offloader.connections() > 0) {
      offloader.tick();
    }
  }
}

// Of a connection that lives; after read_card().
template <class Key>
std::uint64_t packets_of(PipelineLab& lab, ConnectionNumber number, Direction direction) {
  FlowState& flows = lab.dataplane().flows();
  auto connection = look_up_connection(
      flows, {.ipv6 = Key::kIsV6,
              .number = number,
              .life = flows.table<Key>().record(number).life.load(std::memory_order_relaxed)});
  if (!connection) {
    return 0;
  }
  lab.dataplane().offloader().add_counts(*connection);
  return connection->directions[static_cast<std::size_t>(direction)].packets;
}

}  // namespace alkaid::test
