// Feeds fragments to the tracker of tenants' datagrams and checks that what it makes of them fits
// into the frames and that every packet comes back once.
//
// Input: frames, each behind a byte with its length; IPv4 header checksums are made right.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/conntrack/fragment_tracker.hpp"
#include "dataplane/packet/checksum.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/support/exact_copy.hpp"

namespace alkaid::fuzz {
namespace {

void repair(std::span<std::uint8_t> frame) {
  if (frame.size() >= sizeof(EthernetHeader) + sizeof(Ipv4Header)) {
    auto& ip = *reinterpret_cast<Ipv4Header*>(frame.data() + sizeof(EthernetHeader));
    if (ip.version() == 4 && ip.header_length() >= sizeof(Ipv4Header) &&
        sizeof(EthernetHeader) + ip.header_length() <= frame.size()) {
      ipv4_checksum_set(ip);
    }
  }
}

class Tracking {
 public:
  Tracking()
      : tracker_({.datagrams = 8, .waiting = 6, .waiting_of_party = 4, .lifetime = 10, .seed = 1}) {
  }
  ~Tracking() {
    do {
      tracker_.release_all(released_);
      count_released();
    } while (released_.count > 0);
    for (const int times : returned_) {
      ALKAID_REQUIRE(times == 1);
    }
    ALKAID_REQUIRE(tracker_.is_empty());
  }
  Tracking(const Tracking&) = delete;
  Tracking& operator=(const Tracking&) = delete;

  void take(std::span<std::uint8_t> frame) {
    repair(frame);
    FrameHeaders headers;
    if (parse_frame(frame, frame.size(), headers) != DropReason::kNone || !headers.is_fragment) {
      return;
    }
    const Fragment fragment = describe_fragment(frame, headers);
    ALKAID_REQUIRE(std::size_t{headers.l3_offset} + fragment.piece.length <= headers.l3_end);
    ALKAID_REQUIRE(fragment.piece.is_first() || fragment.upper == FragmentUpper{});
    ALKAID_REQUIRE(fragment.piece.more || !fragment.piece.is_first());
    const std::uintptr_t number = returned_.size();
    returned_.push_back(0);
    const auto taken = tracker_.take(fragment, reinterpret_cast<void*>(number), ++now_, released_);
    if (taken.outcome != FragmentTracker::Outcome::kWait) {
      ++returned_[number];
    }
    ALKAID_REQUIRE((taken.outcome == FragmentTracker::Outcome::kDrop) ==
                   (taken.reason != DropReason::kNone));
    count_released();
  }

 private:
  void count_released() {
    for (std::size_t i = 0; i < released_.count; ++i) {
      ++returned_[reinterpret_cast<std::uintptr_t>(released_.items[i].packet)];
    }
  }

  FragmentTracker tracker_;
  ReleasedFragments released_;
  std::vector<int> returned_;
  std::uint64_t now_ = 0;
};

}  // namespace
}  // namespace alkaid::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alkaid;
  fuzz::Tracking tracking;
  while (size > 0) {
    const std::size_t length = data[0];
    ++data;
    --size;
    if (length > size) {
      break;
    }
    test::ExactCopy frame{{data, length}};
    tracking.take(frame.bytes());
    data += length;
    size -= length;
  }
  return 0;
}
