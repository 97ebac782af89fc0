// What a virtual machine's large TCP packets cost a worker on their way into a tunnel: cut in
// software, and left to a card to be cut.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "tests/pipeline/frames.hpp"
#include "tests/pipeline/made_up_device.hpp"
#include "tests/pipeline/pipeline_lab.hpp"
#include "tests/pipeline/virtio_guest.hpp"

namespace alkaid::perf {
namespace {

using namespace test;
using namespace test::net;

// Of the machine's packets, four at a time.
constexpr std::uint16_t kSegment = 1380;
constexpr unsigned kAtOnce = 4;

// Median of rounds, in cycles per segment.
struct Result {
  double software = 0;
  double card = 0;
  unsigned segments = 0;  // of a large packet
};

// A machine that leaves segments to its device, in the network of PipelineLab.
class Machine {
 public:
  explicit Machine(PipelineLab& lab) : lab_(lab) {
    PortConfig port = PipelineLab::port_config("vm-1", kGreen, kStation);
    port.attachment = "vhost-user-server:" + path_;
    if (lab.programmer().set(port)) {
      throw std::runtime_error("the port was refused");
    }
    guest_ =
        std::make_unique<VirtioGuest>(VirtioGuest::Settings{.path = path_, .leaves_work = true});
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    while (lab.dataplane().ports().view("vm-1").state != PortAttachState::kAttached) {
      if (std::chrono::steady_clock::now() > deadline) {
        throw std::runtime_error("the machine's rings were not made ready");
      }
      lab.walk();
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
  }
  ~Machine() {
    guest_.reset();
    std::filesystem::remove_all(directory_);
  }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // Cycles of the worker's walks that moved something, and frames that left.
  std::pair<std::uint64_t, unsigned> send(const Bytes& frame, unsigned times) {
    if (!guest_->send(std::vector<Bytes>(times, frame), {.segment_size = kSegment})) {
      throw std::runtime_error("the machine's ring is full");
    }
    std::uint64_t cycles = 0;
    unsigned frames = 0;
    // An idle ring is looked into now and then.
    for (unsigned idle = 0; idle < 300 || frames == 0;) {
      const std::uint64_t begin = rte_rdtsc();
      const bool has_moved = lab_.dataplane().workers().front()->step() > 0;
      const std::uint64_t end = rte_rdtsc();
      cycles += has_moved ? end - begin : 0;
      idle = has_moved ? 0 : idle + 1;
      frames += drain();
    }
    return {cycles, frames};
  }
  static Bytes large(std::size_t payload) {
    return packet()
        .ethernet({.source = kStation.mac, .destination = kGreen2.mac})
        .ipv4({.source = kStation.ip, .destination = kGreen2.ip})
        .tcp({.flags = TcpFields::kAck})
        .payload(Bytes(payload, 0x5a))
        .build();
  }

 private:
  static constexpr Station kStation{Ipv4Address{0x0a01001f},
                                    MacAddress::from_number(0x02000001001f)};

  static std::string make_directory() {
    std::string pattern = std::filesystem::temp_directory_path() / "alkaid-segmentation-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) {
      throw std::runtime_error("no directory for the machine's socket");
    }
    return pattern;
  }
  static unsigned drain() {
    rte_ring* ring = rte_ring_lookup("up_tx");
    unsigned frames = 0;
    void* packet = nullptr;
    while (rte_ring_dequeue(ring, &packet) == 0) {
      rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
      ++frames;
    }
    return frames;
  }

  PipelineLab& lab_;
  const std::string directory_ = make_directory();
  const std::string path_ = directory_ + "/vm-1.sock";
  std::unique_ptr<VirtioGuest> guest_;
};

constexpr std::uint64_t kCard = RTE_ETH_TX_OFFLOAD_VXLAN_TNL_TSO | RTE_ETH_TX_OFFLOAD_TCP_TSO |
                                RTE_ETH_TX_OFFLOAD_OUTER_IPV4_CKSUM |
                                RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
                                RTE_ETH_TX_OFFLOAD_MULTI_SEGS;

// Cycles per segment of `packets` large ones. The uplink's driver only queues what it is given.
double measure(const Bytes& large, unsigned segments, unsigned packets, bool has_card) {
  made_up_device = {.transmit_offloads = has_card ? kCard : 0};
  DataplaneSettings settings = PipelineLab::default_settings();
  PipelineLab lab(settings);
  lab.program_network();
  Machine machine(lab);
  // The connection is known then, and memory has been touched.
  machine.send(large, 1);
  machine.send(large, kAtOnce);
  std::uint64_t cycles = 0;
  unsigned frames = 0;
  for (unsigned done = 0; done < packets; done += kAtOnce) {
    const auto [more_cycles, more_frames] = machine.send(large, kAtOnce);
    cycles += more_cycles;
    frames += more_frames;
  }
  if (frames != packets * (has_card ? 1 : segments)) {
    throw std::runtime_error(
        fmt::format("{} frames left, {} were wanted", frames, packets * (has_card ? 1 : segments)));
  }
  return static_cast<double>(cycles) / packets / segments;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Both in turns, so that what the machine does beside concerns both.
Result run(std::size_t payload, unsigned packets, unsigned rounds) {
  const Bytes large = Machine::large(payload);
  Result result;
  result.segments = static_cast<unsigned>((payload + kSegment - 1) / kSegment);
  std::vector<double> software;
  std::vector<double> card;
  for (unsigned round = 0; round < rounds; ++round) {
    software.push_back(measure(large, result.segments, packets, false));
    card.push_back(measure(large, result.segments, packets, true));
  }
  result.software = median(software);
  result.card = median(card);
  return result;
}

int print(const Result& result, std::size_t payload, bool json) {
  if (json) {
    const nlohmann::ordered_json figures{{"payload", payload},
                                         {"segments", result.segments},
                                         {"software_cycles_per_segment", result.software},
                                         {"card_cycles_per_segment", result.card}};
    const nlohmann::ordered_json report{{"results", nlohmann::ordered_json::array({figures})}};
    std::puts(report.dump(2).c_str());
    return 0;
  }
  fmt::print("packets of {} bytes of payload, {} segments each; cycles per segment\n", payload,
             result.segments);
  fmt::print("{:<52}{:>8.0f}\n", "cut in software", result.software);
  fmt::print("{:<52}{:>8.0f}\n", "left to the uplink's card", result.card);
  return 0;
}

int run_main(int argc, char** argv) {
  std::size_t payload = 62100;
  unsigned packets = 2000;
  unsigned rounds = 5;
  bool json = false;
  CLI::App app{"What machines' large TCP packets cost a worker, cut by us and by a card.",
               "perf/segmentation"};
  app.set_help_flag("--help", "Show this text and exit");
  app.add_option("--payload", payload, "Bytes of TCP payload of a large packet")
      ->capture_default_str()
      ->check(CLI::Range(2U * kSegment, 65000U));
  app.add_option("--packets", packets, "Large packets in a round, by fours")
      ->capture_default_str()
      ->check(CLI::Range(kAtOnce, 1000000U));
  app.add_option("--rounds", rounds, "Of each, in turns; the median counts")
      ->capture_default_str()
      ->check(CLI::Range(1U, 100U));
  app.add_flag("--json", json, "Print JSON");
  CLI11_PARSE(app, argc, argv);
  // Standard output is the result's.
  spdlog::set_default_logger(spdlog::stderr_logger_st("segmentation"));
  spdlog::set_level(spdlog::level::warn);
  return print(run(payload, packets / kAtOnce * kAtOnce, rounds), payload, json);
}

}  // namespace
}  // namespace alkaid::perf

int main(int argc, char** argv) {
  try {
    return alkaid::perf::run_main(argc, argv);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "perf/segmentation: %s\n", failure.what());
    return 1;
  }
}
