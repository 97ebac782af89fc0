// Puts fragments of outer packets together (RFC 791, RFC 8200 section 4.5).
#pragma once

#include <cstdint>
#include <memory>

#include <rte_ip_frag.h>
#include <rte_mbuf.h>

namespace alkaid {

// One worker's: made by the control thread before the worker runs, then the worker's alone. Holds
// at most 512 packets of up to 8 fragments, each for at most a second.
class Reassembler {
 public:
  // Throws std::runtime_error if there is no memory for the table.
  explicit Reassembler(unsigned worker);
  ~Reassembler();
  Reassembler(const Reassembler&) = delete;
  Reassembler& operator=(const Reassembler&) = delete;

  // Takes a fragment whose outer IP header (with IPv6's fragment header behind it) is in the first
  // buffer at l3_offset and whose length fields have been checked. Returns the whole packet when
  // this was the last piece that was missing; otherwise nullptr, and the fragment is kept or given
  // up. `now`: TSC.
  rte_mbuf* take(rte_mbuf* fragment, std::uint16_t l3_offset, bool is_v6, std::uint64_t now);

  // Frees fragments that were given up since the last call, because the others did not come in time
  // or because they don't fit together. Returns how many.
  std::uint32_t free_given_up();

  // Gives up what has waited for too long.
  void expire(std::uint64_t now);

 private:
  struct TableDeleter {
    void operator()(rte_ip_frag_tbl* table) const { rte_ip_frag_table_destroy(table); }
  };

  rte_ip_frag_death_row given_up_{};
  std::unique_ptr<rte_ip_frag_tbl, TableDeleter> table_;
};

}  // namespace alkaid
