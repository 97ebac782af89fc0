// Corpora of what reads goal states itself.
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "tests/fuzz/make_corpus/corpus.hpp"
#include "tests/fuzz/make_corpus/protobuf_fields.hpp"

namespace alkaid::fuzz {
namespace {

Bytes neighbor_fixed_ip(const std::string& address) {
  return joined({text_field(2, "green"), text_field(3, address)});
}

Bytes neighbor_state(const Bytes& configuration) {
  return joined({number_field(1, 1), bytes_field(2, configuration)});
}

// The fields of NeighborConfiguration that are the same in both layouts.
Bytes neighbor_head() {
  return joined({number_field(1, 7), text_field(2, "request"), text_field(3, "n1"),
                 number_field(4, 1), text_field(5, "vpc"), text_field(6, "name"),
                 text_field(7, "02:00:00:00:00:09")});
}

// With the fields from 8 on.
Bytes neighbor(std::initializer_list<Bytes> fields) {
  return neighbor_state(joined({neighbor_head(), joined(fields)}));
}

}  // namespace

void write_usual_neighbor(const std::filesystem::path& directory) {
  Corpus corpus{directory / "fuzz_usual_neighbor", {}};
  const Bytes host = text_field(9, "172.16.0.2");
  const Bytes fixed_ip = bytes_field(10, neighbor_fixed_ip("10.0.1.9"));
  corpus.add("master", neighbor({text_field(8, "0a:00:00:00:00:02"), host, fixed_ip}));
  corpus.add("released", neighbor({text_field(8, "172.16.0.2"),
                                   bytes_field(9, neighbor_fixed_ip("10.0.1.9"))}));
  corpus.add("v6", neighbor({text_field(9, "2001:db8::2"),
                             bytes_field(10, neighbor_fixed_ip("2001:db8:1::9"))}));
  corpus.add("two_addresses", neighbor({host, fixed_ip, fixed_ip}));
  corpus.add("address_pair", neighbor({host, fixed_ip, text_field(11, "pair")}));
  corpus.add(
      "vni",
      neighbor({host, bytes_field(10, joined({number_field(1, 2), neighbor_fixed_ip("10.0.1.9"),
                                              text_field(4, "group"), number_field(5, 99)}))}));
  corpus.add("no_subnet", neighbor({host, bytes_field(10, text_field(3, "10.0.1.9"))}));
  corpus.add("no_fixed_ip", neighbor({host}));
  corpus.add("multicast_host", neighbor({text_field(9, "224.0.0.1"), fixed_ip}));
  corpus.add("leading_zero", neighbor({text_field(9, "172.16.00.2"), fixed_ip}));
  corpus.add("not_in_order", neighbor({fixed_ip, host}));
  corpus.add("deleted", joined({number_field(1, 3), bytes_field(2, neighbor_head())}));
  const Bytes whole = bytes_field(2, joined({neighbor_head(), host, fixed_ip}));
  corpus.add("tag_of_six_bytes", joined({{0x88, 0x80, 0x80, 0x80, 0x80, 0x00, 0x01}, whole}));
  corpus.add("number_of_ten_bytes",
             joined({{0x08, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, whole}));
  corpus.add("cut_off", Bytes{0x12, 0x7f, 0x1a});
}

void write_message_parts(const std::filesystem::path& directory) {
  constexpr std::uint8_t kSliceSize = 6;
  Corpus corpus{directory / "fuzz_message_parts", {kSliceSize}};
  const Bytes one = bytes_field(5, neighbor({text_field(9, "172.16.0.2")}));
  const Bytes subnet = bytes_field(2, text_field(3, "green"));
  corpus.add("neighbors", joined({one, one}));
  corpus.add("neighbors_between", joined({subnet, one, subnet, one, one, subnet}));
  corpus.add("nothing_else", joined({subnet, subnet}));
  corpus.add("empty_neighbors", joined({bytes_field(5, {}), bytes_field(5, {})}));
  corpus.add("neighbor_that_is_a_number", joined({number_field(5, 1), one}));
  corpus.add("fixed_width",
             joined({{0x09, 1, 2, 3, 4, 5, 6, 7, 8}, one, {0x15, 1, 2, 3, 4}, subnet}));
  corpus.add("group", joined({one, {0x1b, 0x1c}}));
  corpus.add("field_zero", joined({one, {0x02, 0x00}}));
  corpus.add("past_the_end", joined({one, {0x2a, 0xff, 0xff, 0x03, 0x01}}));
  corpus.add("length_of_ten_bytes",
             joined({one, {0x2a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}}));
  corpus.add("endless_number", joined({{0x08}, Bytes(12, 0xff)}));
}

}  // namespace alkaid::fuzz
