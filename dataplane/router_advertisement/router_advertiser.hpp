// Router advertisements that nobody asked for (RFC 4861, 6.2.4): now and then to every port, and
// soon when a port comes up or what its segment says has changed.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>

#include "dataplane/ports/port.hpp"
#include "dataplane/tables/segment_table.hpp"

namespace alkaid {

// Control thread only.
class RouterAdvertiser {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // Sends a frame to a guest; false: couldn't.
  using Send = std::function<bool(const Port&, std::span<const std::uint8_t>)>;

  // RFC 4861, 6.2.1 and 10; MinRtrAdvInterval is a third of the longest interval.
  static constexpr std::chrono::seconds kShortestInterval{4};  // of the longest that may be set
  static constexpr std::chrono::seconds kLongestInterval{600};
  static constexpr unsigned kInitialAdvertisements = 3;
  static constexpr std::chrono::seconds kInitialInterval{4};
  static constexpr std::chrono::seconds kShortestDelay{3};  // MIN_DELAY_BETWEEN_RAS
  // However many ports there are, they are not all served at once.
  static constexpr unsigned kMostPerTick = 4;

  // interval: MaxRtrAdvInterval; 0: nothing is sent unasked.
  RouterAdvertiser(const SegmentTable& segments, const PortTable& ports,
                   std::chrono::seconds interval, Send send);

  // A guest port was published in place of `before` (nullptr: there was none) or removed (`now` is
  // nullptr).
  void port_changed(const Port* before, const Port* now, Time time);
  // A segment was published in place of `before` (nullptr: there was none).
  void segment_changed(const Segment* before, const Segment& now, Time time);
  // Sends what is due; bounded work.
  void tick(Time now);

  [[nodiscard]] std::uint64_t sent() const { return sent_; }

 private:
  struct Entry {
    Zone zone = kNoZone;
    unsigned initial_left = 0;
    Time due;
    Time last;  // when one was sent
  };

  void start(PortIndex index, Entry& entry, Time time);
  void schedule(PortIndex index, Entry& entry, Time due);
  void remove(PortIndex index);
  void advertise(const Port& port);
  [[nodiscard]] std::chrono::milliseconds random_interval();

  const SegmentTable& segments_;
  const PortTable& ports_;
  const std::chrono::milliseconds interval_;
  const Send send_;
  std::minstd_rand random_;
  std::unordered_map<PortIndex, Entry> entries_;
  std::set<std::pair<Time, PortIndex>> due_;
  std::map<Zone, std::set<PortIndex>> by_zone_;
  std::uint64_t sent_ = 0;
};

}  // namespace alkaid
