// The corpus of what puts TCP segments together for a guest.
#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "tests/fuzz/make_corpus/corpus.hpp"
#include "tests/support/packet_builder.hpp"

namespace alkaid::fuzz {
namespace {

using test::packet;
using test::TcpFields;

// As fuzz_segment_merger.cpp has them: flags, payload, gap, more, changed, change.
using Record = std::array<std::uint8_t, 6>;

Bytes input(std::uint8_t offloads, std::uint8_t buffers, const Bytes& header,
            const std::vector<Record>& records) {
  Bytes bytes(3 + header.size() + records.size() * sizeof(Record));
  bytes[0] = offloads;
  bytes[1] = buffers;
  bytes[2] = static_cast<std::uint8_t>(header.size());
  auto end = std::copy(header.begin(), header.end(), bytes.begin() + 3);
  for (const Record& record : records) {
    end = std::copy(record.begin(), record.end(), end);
  }
  return bytes;
}

}  // namespace

void write_segment_merger(const std::filesystem::path& directory) {
  Corpus corpus{directory / "fuzz_segment_merger", {}};
  const TcpFields segment{.flags = TcpFields::kAck, .options = Bytes(12, 1)};
  const Bytes v4 = packet().ethernet().ipv4().tcp(segment).build();
  const Bytes v4_df = packet().ethernet().ipv4({.dont_fragment = true}).tcp(segment).build();
  const Bytes v6 = packet().ethernet().ipv6().tcp(segment).build();
  constexpr std::uint8_t kBoth = 3;
  constexpr std::uint8_t kWhole = 255;  // buffers of 2 KiB
  const Record next{0, 100, 0, 0, 0, 0};
  const auto last = static_cast<std::uint8_t>(v4.size() - 1);
  corpus.add("ipv4", input(kBoth, kWhole, v4, {next, next, next, {4, 20, 0, 1, 0, 0}}));
  corpus.add("ipv6", input(kBoth, kWhole, v6, {next, next, {0, 20, 0, 0, 0, 0}, next}));
  corpus.add("in_buffers", input(kBoth, 12, v4, {next, next, next}));
  corpus.add("more_than_a_packet_holds",
             input(kBoth, kWhole, v4, std::vector<Record>(60, Record{0, 255, 0, 0, 0, 0})));
  corpus.add("side_by_side",
             input(kBoth, kWhole, v6, {next, {1, 100, 0, 0, 0, 0}, next, {1, 100, 0, 0, 0, 0}}));
  corpus.add("same_identification",
             input(kBoth, kWhole, v4_df, {next, {8, 100, 0, 0, 0, 0}, {8, 100, 0, 0, 0, 0}}));
  corpus.add("a_gap_and_back",
             input(kBoth, kWhole, v4, {next, {0, 100, 5, 0, 0, 0}, {0, 100, 0xfb, 0, 0, 0}, next}));
  corpus.add("wrong_checksum",
             input(kBoth, kWhole, v4, {next, {0x10, 100, 0, 0, 0, 0}, next, next}));
  corpus.add("wrong_first_checksum",
             input(kBoth, kWhole, v6, {{0x10, 100, 0, 0, 0, 0}, next, next}));
  corpus.add("wrong_length", input(kBoth, kWhole, v4, {next, {0x20, 100, 0, 0, 0, 0}, next}));
  corpus.add("pure_acknowledgment_between",
             input(kBoth, kWhole, v4, {next, {0x80, 0, 0, 0, 0, 0}, next, next}));
  corpus.add("pure_acknowledgment_in_small_buffers",
             input(kBoth, 1, v4, {next, next, {0x80, 0, 0, 0, 0, 0}, next}));
  corpus.add("other_ttl", input(kBoth, kWhole, v4, {next, {0, 100, 0, 0, 22, 1}, next}));
  corpus.add("other_option", input(kBoth, kWhole, v4, {next, {0, 100, 0, 0, last, 1}, next}));
  corpus.add("other_urgent_pointer", input(kBoth, kWhole, v4, {next, {0, 100, 0, 0, 52, 1}, next}));
  corpus.add("other_mac", input(kBoth, kWhole, v6, {next, {0, 100, 0, 0, 3, 1}, next}));
  corpus.add("a_larger_one", input(kBoth, kWhole, v4, {next, {0, 101, 0, 0, 0, 0}, next}));
  corpus.add("ipv4_is_not_taken", input(2, kWhole, v4, {next, next}));
  corpus.add("ipv6_is_not_taken", input(1, kWhole, v6, {next, next}));
  corpus.add("udp", input(kBoth, kWhole, packet().ethernet().ipv4().udp().build(), {next, next}));
}

}  // namespace alkaid::fuzz
