// Seed corpora of the fuzz targets, each in a directory of the target's name.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>

#include "tests/support/packet_fields.hpp"

namespace alkaid::fuzz {

using test::Bytes;

// Inputs that begin alike. Throws std::runtime_error if a file can't be written.
class Corpus {
 public:
  Corpus(const std::filesystem::path& directory, Bytes prefix)
      : directory_(directory), prefix_(std::move(prefix)) {
    std::filesystem::create_directories(directory_);
  }

  void add(const std::string& name, const Bytes& input) {
    std::ofstream file{directory_ / name, std::ios::binary};
    for (const Bytes* part : {static_cast<const Bytes*>(&prefix_), &input}) {
      file.write(reinterpret_cast<const char*>(part->data()),
                 static_cast<std::streamsize>(part->size()));
    }
    if (!file) {
      throw std::runtime_error{"can't write " + (directory_ / name).string()};
    }
  }

 private:
  std::filesystem::path directory_;
  Bytes prefix_;
};
// By concern: packets, connections, tenants' protocols, goal states.
void write_parse(const std::filesystem::path& directory);
void write_quick_parse(const std::filesystem::path& directory);
void write_nd(const std::filesystem::path& directory);
void write_dhcp(const std::filesystem::path& directory);
void write_dhcpv6(const std::filesystem::path& directory);
void write_router_solicitation(const std::filesystem::path& directory);
void write_source_guard(const std::filesystem::path& directory);
void write_connection_state(const std::filesystem::path& directory);
void write_connector(const std::filesystem::path& directory);
void write_tcp_window(const std::filesystem::path& directory);
void write_embedded_tuple(const std::filesystem::path& directory);
void write_fragment(const std::filesystem::path& directory);
void write_dhcp_option_value(const std::filesystem::path& directory);
void write_usual_neighbor(const std::filesystem::path& directory);
void write_message_parts(const std::filesystem::path& directory);
void write_ncm_answer(const std::filesystem::path& directory);
void write_large_tcp_packet(const std::filesystem::path& directory);
void write_segment_merger(const std::filesystem::path& directory);

}  // namespace alkaid::fuzz
