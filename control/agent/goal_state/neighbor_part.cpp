#include "control/agent/goal_state/neighbor_part.hpp"

#include <string>
#include <utility>

#include <fmt/format.h>
#include <google/protobuf/arena.h>

#include "control/agent/goal_state/resource_decoder.hpp"
#include "control/agent/goal_state/usual_neighbor.hpp"
#include "control/agent/goal_state/wire_cursor.hpp"

namespace alkaid::agent {
namespace {

using google::protobuf::Arena;

class PartDecoder {
 public:
  PartDecoder(const DecodeContext& context, const HostFilter* filter)
      : context_(context), filter_(filter), decoder_(context, part_.decoded) {}

  void add(std::string_view entry, NeighborForm form) {
    if (!(form == NeighborForm::kState ? add_usual({}, entry) : add_usual_entry(entry))) {
      form == NeighborForm::kState ? add_state(entry) : add_entry(entry);
    }
  }

  NeighborPart take() {
    if (filter_ != nullptr && filter_->undecidable()) {
      postpone(part_.decoded);
    }
    part_.messages = arena_;
    return std::move(part_);
  }

  void reserve(std::size_t entries) {
    part_.decoded.results.reserve(entries);
    part_.decoded.neighbors.reserve(entries);
  }

 private:
  [[nodiscard]] bool admits(std::string_view key, std::string_view id) {
    const bool is_ours = filter_ == nullptr || filter_->admits(ResourceType::kNeighbor, key, id);
    part_.decoded.filtered += is_ours ? 0 : 1;
    return is_ours;
  }

  bool add_usual_entry(std::string_view entry) {
    WireCursor cursor{entry};
    WireField key;
    WireField state;
    WireField more;
    return cursor.next(key) && key.number == 1 && key.type == WireField::kBytes &&
           is_ascii(key.bytes) && cursor.next(state) && state.number == 2 &&
           state.type == WireField::kBytes && !cursor.next(more) && !cursor.is_broken() &&
           add_usual(key.bytes, state.bytes);
  }

  bool add_usual(std::string_view key, std::string_view state) {
    const auto usual = read_usual_neighbor(state);
    if (!usual || !is_reachable(usual->host, context_.own_addresses)) {
      return false;
    }
    if (!admits(key, usual->id)) {
      return true;
    }
    DecodedGoalState& decoded = part_.decoded;
    auto& change = decoded.neighbors.emplace_back();
    change.result = static_cast<std::uint32_t>(decoded.results.size());
    decoded.results.push_back(
        {usual->id, ResourceType::kNeighbor, usual->operation, Status::kSuccess});
    change.revision = usual->revision;
    change.id = usual->id;
    change.spec.mac = usual->mac;
    change.spec.host = usual->host;
    change.spec.addresses.push_back(usual->address);
    return true;
  }

  void add_state(std::string_view entry) {
    auto* state = Arena::CreateMessage<alcor::schema::NeighborState>(arena_.get());
    if (state->ParseFromArray(entry.data(), static_cast<int>(entry.size()))) {
      decoder_.add(*state, {});
    } else {
      refuse(entry.size());
    }
  }

  // An entry of a map has no class of its own, and a whole message for each of a million would take
  // a kibibyte: what a message makes of it is copied out of one that they share.
  void add_entry(std::string_view entry) {
    constexpr char kTag = alcor::schema::GoalStateV2::kNeighborStatesFieldNumber << 3 | 2;
    bytes_.assign(1, kTag);
    for (std::size_t size = entry.size();; size >>= 7) {
      bytes_.push_back(static_cast<char>(size < 0x80 ? size : (size & 0x7f) | 0x80));
      if (size < 0x80) {
        break;
      }
    }
    bytes_ += entry;
    if (!entry_.ParseFromString(bytes_)) {
      refuse(entry.size());
      return;
    }
    for (auto& [key, state] : *entry_.mutable_neighbor_states()) {
      if (admits(key, state.configuration().id())) {
        const auto* own_key = Arena::Create<std::string>(arena_.get(), key);
        auto* own_state = Arena::CreateMessage<alcor::schema::NeighborState>(arena_.get());
        own_state->CopyFrom(state);
        decoder_.add(*own_state, *own_key);
      }
    }
  }

  void refuse(std::size_t size) {
    auto& decoded = part_.decoded;
    decoded.results.push_back({{}, ResourceType::kNeighbor, 0, Status::kSuccess});
    decoded.refuse(static_cast<std::uint32_t>(decoded.results.size() - 1),
                   {"neighbor_states", fmt::format("{} bytes", size), "is no NeighborState"});
  }

  const DecodeContext& context_;
  const HostFilter* filter_;
  std::shared_ptr<Arena> arena_ = std::make_shared<Arena>();
  NeighborPart part_;
  ResourceDecoder decoder_;
  alcor::schema::GoalStateV2 entry_;
  std::string bytes_;
};

}  // namespace

NeighborPart decode_neighbors(std::span<const std::string_view> entries, NeighborForm form,
                              const DecodeContext& context, const HostFilter* filter) {
  PartDecoder decoder{context, filter};
  decoder.reserve(entries.size());
  for (const std::string_view entry : entries) {
    decoder.add(entry, form);
  }
  return decoder.take();
}

}  // namespace alkaid::agent
