#include "dataplane/underlay/reassembler.hpp"

#include <stdexcept>

#include <fmt/format.h>
#include <rte_cycles.h>

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/headers.hpp"

namespace alkaid {
namespace {

constexpr std::uint32_t kPackets = 512;
constexpr std::uint32_t kPacketsPerBucket = 16;
constexpr std::uint32_t kPrefetch = 0;

}  // namespace

Reassembler::Reassembler(unsigned worker)
    : table_(rte_ip_frag_table_create(kPackets / kPacketsPerBucket, kPacketsPerBucket, kPackets,
                                      rte_get_tsc_hz(), SOCKET_ID_ANY)) {
  if (table_ == nullptr) {
    throw std::runtime_error(
        fmt::format("can't make the table in which worker {} puts fragments together (more "
                    "memory: --memory)",
                    worker));
  }
}

Reassembler::~Reassembler() {
  free_given_up();
}

rte_mbuf* Reassembler::take(rte_mbuf* fragment, std::uint16_t l3_offset, bool is_v6,
                            std::uint64_t now) {
  if (given_up_.cnt >= IP_FRAG_DEATH_ROW_LEN) {
    free_given_up();
  }
  fragment->l2_len = l3_offset;
  char* header = rte_pktmbuf_mtod_offset(fragment, char*, l3_offset);
  rte_mbuf* whole = nullptr;
  if (is_v6) {
    auto* ip = reinterpret_cast<rte_ipv6_hdr*>(header);
    fragment->l3_len = sizeof(rte_ipv6_hdr) + sizeof(rte_ipv6_fragment_ext);
    whole = rte_ipv6_frag_reassemble_packet(
        table_.get(), &given_up_, fragment, now, ip,
        reinterpret_cast<rte_ipv6_fragment_ext*>(header + sizeof(rte_ipv6_hdr)));
  } else {
    auto* ip = reinterpret_cast<rte_ipv4_hdr*>(header);
    fragment->l3_len = reinterpret_cast<Ipv4Header*>(header)->header_length();
    whole = rte_ipv4_frag_reassemble_packet(table_.get(), &given_up_, fragment, now, ip);
    if (whole != nullptr) {
      // The library leaves it out.
      ipv4_checksum_set(*rte_pktmbuf_mtod_offset(whole, Ipv4Header*, l3_offset));
    }
  }
  return whole;
}

std::uint32_t Reassembler::free_given_up() {
  const std::uint32_t count = given_up_.cnt;
  rte_ip_frag_free_death_row(&given_up_, kPrefetch);
  return count;
}

void Reassembler::expire(std::uint64_t now) {
  rte_ip_frag_table_del_expired_entries(table_.get(), &given_up_, now);
}

}  // namespace alkaid
