#include "dataplane/ports/buffer_occupancy.hpp"

#include <string>
#include <utility>

#include <fmt/format.h>

namespace alkaid {
namespace {

TableOccupancy occupancy_of(std::string name, const rte_mempool& buffers) {
  const std::uint64_t used = rte_mempool_in_use_count(&buffers);
  const std::uint64_t size = buffers.header_size + buffers.elt_size + buffers.trailer_size;
  return {.name = std::move(name),
          .used = used,
          .capacity = buffers.size,
          .high_water = used,
          .bytes = buffers.size * size};
}

}  // namespace

std::vector<TableOccupancy> buffer_occupancies(const PacketPools& pools) {
  std::vector<TableOccupancy> occupancies;
  const auto nodes = pools.all();
  for (const PacketPools::OfNode& pool : nodes) {
    const std::string where = nodes.size() == 1 ? "" : fmt::format("-node{}", pool.node);
    occupancies.push_back(occupancy_of("packet-buffers" + where, *pool.standard));
    if (pool.jumbo != nullptr) {
      occupancies.push_back(occupancy_of("jumbo-buffers" + where, *pool.jumbo));
    }
  }
  return occupancies;
}

}  // namespace alkaid
