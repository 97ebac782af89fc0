// ALKAID_TEST_OFFLOAD=compare: every test runs twice, without a card and with all devices on one
// and every connection in hardware as soon as it can be. What it has taken out of its labs must be
// the same, packet by packet, and so must be what they have dropped and counted: of each port, of
// each connection, by software and hardware together.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "dataplane/flow/connection_search.hpp"
#include "dataplane/offload/offloader.hpp"
#include "tests/pipeline/lab_observer.hpp"
#include "tests/pipeline/merged_counts.hpp"
#include "tests/pipeline/software_nic.hpp"

namespace alkaid::test {
namespace {

constexpr int kFewTests = 10;

using Transcript = std::vector<std::string>;

std::string text_of(const DirectionSnapshot& direction) {
  return fmt::format("{}:{} to {}:{} in zone {} by {}: {} packets, {} bytes",
                     direction.source.to_string(), direction.source_port,
                     direction.destination.to_string(), direction.destination_port, direction.zone,
                     direction.ingress, direction.packets, direction.bytes);
}

Transcript connections_of(PipelineLab& lab) {
  ConnectionSearch search(lab.dataplane().flows(), {});
  std::vector<ConnectionSnapshot> found;
  while (search.advance(UINT16_MAX, SIZE_MAX, found)) {
  }
  Transcript lines;
  for (ConnectionSnapshot& connection : found) {
    lab.dataplane().offloader().add_counts(connection);
    lines.push_back(fmt::format("protocol {} {}, {}; {}", connection.protocol,
                                name_of(connection.word.state()), text_of(connection.directions[0]),
                                text_of(connection.directions[1])));
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::string counts_of(PipelineLab& lab, const Port& port) {
  HardwareCounts counts = lab.dataplane().offloader().counts_of(port.index);
  for (std::size_t worker = 0; worker < lab.dataplane().workers().size(); ++worker) {
    const PortCounters& software = port.counters[worker];
    counts.rx_packets += software.rx_packets.read();
    counts.rx_bytes += software.rx_bytes.read();
    counts.tx_packets += software.tx_packets.read();
    counts.tx_bytes += software.tx_bytes.read();
  }
  return fmt::format("port {}: {} packets in, {} bytes; {} out, {} bytes", port.id,
                     counts.rx_packets, counts.rx_bytes, counts.tx_packets, counts.tx_bytes);
}

class OffloadComparison final : public ::testing::EmptyTestEventListener, public LabObserver {
 public:
  void took(const std::string& port, const std::vector<Bytes>& frames) override {
    for (const Bytes& frame : frames) {
      lines_.push_back(fmt::format("out of {}: {:02x}", port, fmt::join(frame, "")));
    }
  }
  void ends(PipelineLab& lab) override {
    read_card(lab);
    for (const auto& [reason, count] : lab.all_drops()) {
      lines_.push_back(fmt::format("dropped {}: {}", reason, count));
    }
    for (const auto& view : lab.dataplane().ports().views()) {
      lines_.push_back(counts_of(lab, *view.port));
    }
    const Transcript connections = connections_of(lab);
    lines_.insert(lines_.end(), connections.begin(), connections.end());
  }

  void OnTestProgramStart(const ::testing::UnitTest&) override { GTEST_FLAG_SET(repeat, 2); }
  void OnTestIterationStart(const ::testing::UnitTest&, int iteration) override {
    if (iteration == 1) {
      plugged_.emplace();
    }
  }
  void OnTestProgramEnd(const ::testing::UnitTest&) override { plugged_.reset(); }
  void OnTestStart(const ::testing::TestInfo&) override { lines_.clear(); }
  void OnTestEnd(const ::testing::TestInfo& test) override {
    const std::string name = fmt::format("{}.{}", test.test_suite_name(), test.name());
    if (!plugged_) {
      software_[name] = lines_;
      return;
    }
    const Transcript& expected = software_[name];
    const auto [one, other] =
        std::mismatch(expected.begin(), expected.end(), lines_.begin(), lines_.end());
    if (one != expected.end() || other != lines_.end()) {
      ADD_FAILURE() << name << ", line " << one - expected.begin()
                    << " of what came of it\nsoftware: "
                    << (one != expected.end() ? *one : "nothing more")
                    << "\nhardware: " << (other != lines_.end() ? *other : "nothing more");
    }
  }

 private:
  std::optional<PluggedNic> plugged_;
  std::map<std::string, Transcript> software_;
  Transcript lines_;
};

// Or software was compared with itself; unless it is about a few that are tried once more.
class MustForward : public ::testing::Environment {
 public:
  void TearDown() override {
    const char* const least = std::getenv("ALKAID_TEST_OFFLOAD_LEAST");
    const bool is_on_card = SoftwareNic::instance().is_plugged();
    const bool are_few = ::testing::UnitTest::GetInstance()->test_to_run_count() <= kFewTests;
    EXPECT_GE(SoftwareNic::instance().ever_forwarded(),
              is_on_card && !are_few && least != nullptr ? std::strtoull(least, nullptr, 10) : 0);
  }
};

[[maybe_unused]] const bool is_comparison = [] {
  const char* offload = std::getenv("ALKAID_TEST_OFFLOAD");
  const bool is_wanted = offload != nullptr && std::string_view{offload} == "compare";
  if (is_wanted) {
    auto* comparison = new OffloadComparison;
    ::testing::UnitTest::GetInstance()->listeners().Append(comparison);
    ::testing::AddGlobalTestEnvironment(new MustForward);
    observe_labs(*comparison);
  }
  return is_wanted;
}();

}  // namespace
}  // namespace alkaid::test
