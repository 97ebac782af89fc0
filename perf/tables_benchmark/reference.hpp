// What DPDK's own hash costs for the same keys: two rte_hash, by address and by MAC, whose entries
// point to one 64-byte record each.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <vector>

#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_lcore.h>

#include "dataplane/tables/objects.hpp"

namespace alkaid::perf {

class ReferenceTable {
 public:
  struct Record {
    std::array<std::uint8_t, 64> bytes;
  };

  explicit ReferenceTable(std::uint32_t capacity) : records_(capacity) {
    by_address_ = make("reference-address", sizeof(AddressKey), capacity);
    by_mac_ = make("reference-mac", sizeof(MacKey), capacity);
  }
  ~ReferenceTable() {
    rte_hash_free(by_address_);
    rte_hash_free(by_mac_);
  }
  ReferenceTable(const ReferenceTable&) = delete;
  ReferenceTable& operator=(const ReferenceTable&) = delete;

  void add(const NeighborConfig& config, std::uint32_t number) {
    const AddressKey address{config.key.vni.number(), config.key.ip.bytes()};
    const MacKey mac{config.key.vni.number(), config.mac.bytes(), 0};
    if (rte_hash_add_key_data(by_address_, &address, &records_[number]) != 0 ||
        rte_hash_add_key_data(by_mac_, &mac, &records_[number]) != 0) {
      throw std::runtime_error("rte_hash refuses a key");
    }
  }
  [[nodiscard]] const Record* find(Vni vni, const IpAddress& ip) const {
    const AddressKey key{vni.number(), ip.bytes()};
    void* record = nullptr;
    return rte_hash_lookup_data(by_address_, &key, &record) >= 0 ? static_cast<Record*>(record)
                                                                 : nullptr;
  }

 private:
  struct AddressKey {
    std::uint32_t vni;
    std::array<std::uint8_t, 16> ip;
  };
  struct MacKey {
    std::uint32_t vni;
    std::array<std::uint8_t, 6> mac;
    std::uint16_t zero;
  };

  static rte_hash* make(const char* name, std::uint32_t key_length, std::uint32_t capacity) {
    rte_hash_parameters parameters{};
    parameters.name = name;
    parameters.entries = capacity;
    parameters.key_len = key_length;
    parameters.hash_func = rte_hash_crc;
    parameters.socket_id = SOCKET_ID_ANY;
    parameters.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF | RTE_HASH_EXTRA_FLAGS_EXT_TABLE;
    rte_hash* hash = rte_hash_create(&parameters);
    if (hash == nullptr) {
      throw std::runtime_error(rte_strerror(rte_errno));
    }
    return hash;
  }

  std::vector<Record> records_;
  rte_hash* by_address_ = nullptr;
  rte_hash* by_mac_ = nullptr;
};

}  // namespace alkaid::perf
