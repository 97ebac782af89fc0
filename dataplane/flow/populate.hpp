// Takes memory of the flow tables from the system before workers need it: a worker that is the
// first to touch a huge page waits until it has been zeroed, which packets behind it feel.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "dataplane/flow/connection_table.hpp"

namespace alkaid {

// Takes the pages in which these bytes are, if the kernel can (5.14 and later; else they are taken
// when they are touched, as without this). Others may use the memory meanwhile. Any thread.
void populate(const void* begin, std::size_t bytes);

// How many connections beyond those that have been in use there is memory for.
inline constexpr std::uint32_t kConnectionsAhead = 65536;

// Memory for connections first, first + 1, ... end - 1, as far as the table goes. Any thread.
template <class Key>
void populate_connections(const ConnectionTable<Key>& table, std::uint32_t first,
                          std::uint32_t end) {
  end = std::min(end, table.capacity() + table.reserve());
  if (first < end) {
    const std::size_t count = end - first;
    populate(&table.half(first, Direction::kOriginal), count * sizeof(Connection<Key>));
    populate(&table.record(first), count * sizeof(ConnectionRecord));
  }
}

// Now and then, so that there is always some ahead; cheap where nothing is new. The table has its
// first kConnectionsAhead.
template <class Key>
void populate_ahead(const ConnectionTable<Key>& table) {
  const std::uint32_t used = table.high_water();
  populate_connections(table, used + kConnectionsAhead / 2, used + kConnectionsAhead);
}

}  // namespace alkaid
