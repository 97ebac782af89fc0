// Writes the seed corpora of the fuzz targets: make_corpus DIRECTORY. The files in
// tests/fuzz/corpus are its output; run it again when an input format changes.
#include <exception>
#include <iostream>
#include <string_view>

#include "tests/fuzz/make_corpus/corpus.hpp"

int main(int argc, char** argv) {
  const std::string_view directory = argc == 2 ? argv[1] : "";
  if (directory == "--help") {
    std::cout
        << "usage: make_corpus DIRECTORY    (of the seeds in this repository: tests/fuzz/corpus)\n";
    return 0;
  }
  if (directory.empty() || directory.front() == '-') {
    std::cerr << "usage: make_corpus DIRECTORY\n";
    return 2;
  }
  try {
    alkaid::fuzz::write_parse(argv[1]);
    alkaid::fuzz::write_quick_parse(argv[1]);
    alkaid::fuzz::write_nd(argv[1]);
    alkaid::fuzz::write_dhcp(argv[1]);
    alkaid::fuzz::write_dhcpv6(argv[1]);
    alkaid::fuzz::write_router_solicitation(argv[1]);
    alkaid::fuzz::write_source_guard(argv[1]);
    alkaid::fuzz::write_connection_state(argv[1]);
    alkaid::fuzz::write_connector(argv[1]);
    alkaid::fuzz::write_tcp_window(argv[1]);
    alkaid::fuzz::write_embedded_tuple(argv[1]);
    alkaid::fuzz::write_fragment(argv[1]);
    alkaid::fuzz::write_dhcp_option_value(argv[1]);
    alkaid::fuzz::write_usual_neighbor(argv[1]);
    alkaid::fuzz::write_message_parts(argv[1]);
    alkaid::fuzz::write_ncm_answer(argv[1]);
    alkaid::fuzz::write_large_tcp_packet(argv[1]);
    alkaid::fuzz::write_segment_merger(argv[1]);
  } catch (const std::exception& error) {
    std::cerr << "make_corpus: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
