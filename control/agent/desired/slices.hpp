// Slices: named parts of the desired state, and who has which resource. See docs/design/slices.md.
// For one thread (the reconciler's).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include "control/agent/desired/interned.hpp"
#include "control/agent/goal_state/resources.hpp"
#include "control/agent/goal_state/slice_change.hpp"

namespace alkaid::agent {

class Journal;
struct SliceRecord;
struct SliceItemRecord;

// A resource as slices know it: by what identifies it.
struct SliceItem {
  ResourceType type = ResourceType::kVpc;
  std::string_view scope;  // its id; of a neighbor's address and a DHCP row the subnet's
  Vni vni;                 // of a neighbor that names no subnet
  std::uint64_t high = 0;  // with `low` the neighbor's address
  std::uint64_t low = 0;   // of a DHCP row the MAC
  std::string_view name;   // of a neighbor with address pairs: its id
};

// What a slice has.
struct SliceContent {
  // Who has resources of the slice too.
  struct Holder {
    std::string slice;  // empty: messages without one
    std::size_t resources = 0;
  };

  SliceReport report;
  std::array<std::size_t, kResourceTypes> of_type{};
  std::vector<Holder> holders;  // by name
};

// Messages without a slice are one more holder, of whose resources only those are known that some
// slice has too: while there are no slices, nothing is kept.
//
// One message: begin() or begin_nameless(); then say() and let_go() for each of its resources; of a
// slice take_unsaid() and finish().
class Slices {
 public:
  static constexpr std::size_t kMostSlices = 4096;
  static constexpr std::size_t kMostNameBytes = 255;
  // Slices that have one resource: a change of it costs each of them.
  static constexpr std::size_t kMostHolders = 16;

  Slices();

  void set_journal(Journal& journal) { journal_ = &journal; }
  void describe(Journal& journal) const;
  // What was told. Slices come before their items; false: they don't fit each other.
  bool restore(const std::string& name, const SliceRecord& record);
  bool restore_item(const SliceItemRecord& record);

  // There are slices, or the present message makes one.
  [[nodiscard]] bool is_used() const { return !slices_.empty(); }

  // Why the message can't be taken, empty if it can: then what follows is about this slice.
  std::string begin(const SliceChange& change);
  void begin_nameless() { current_ = nullptr; }
  // What follows is about a slice.
  [[nodiscard]] bool is_named() const { return current_ != nullptr; }
  // Between the parts of one message another one may be merged, of another slice or of none, if it
  // is a DELTA: from interrupt() to resume().
  class Interrupted;
  [[nodiscard]] Interrupted interrupt();
  void resume(const Interrupted& interrupted);
  // The message says that the resource is so. content: 64 bits of hash of all that is in effect.
  // was_known: before the message somebody had said the same resource. Returns the id of the
  // neighbor with address pairs that had the address before, if it isn't the item's name.
  std::string say(const SliceItem& item, std::uint64_t content, bool was_known);
  // False: the message's slice hasn't the resource, and as many others have it as may.
  [[nodiscard]] bool may_say(const SliceItem& item) const;
  // Nobody but the message's sender has the resource: with let_go() it goes.
  [[nodiscard]] bool is_alone_with(const SliceItem& item) const;
  // The message deletes the resource. True: nobody has it now, so that it goes.
  bool let_go(const SliceItem& item);
  // Lets go of what the slice has and the message didn't say. Returns what nobody has now. may_go
  // is asked of each of these before; what may not go stays the slice's.
  std::vector<SliceItemRecord> take_unsaid(
      const std::function<bool(const SliceItemRecord&)>& may_go);
  // The slice is at the message's version; after a DROP it is gone.
  void finish(const SliceChange& change);
  // Instead of finish(): something was refused. A slice that came to nothing goes.
  void abandon(const SliceChange& change);

  // Of a slice that isn't there: version 0, and no more of its name than may be.
  [[nodiscard]] SliceReport report(std::string_view name) const;
  [[nodiscard]] std::vector<SliceReport> report_all() const;
  // Of one slice, or by name of all if the name is empty; costs no look at the resources.
  [[nodiscard]] std::vector<SliceContent> contents(std::string_view name) const;
  [[nodiscard]] std::size_t items() const { return items_.size(); }

 private:
  // The order doesn't matter: a sum of 128-bit hashes.
  struct Digest {
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    void add(std::uint64_t content);
    void remove(std::uint64_t content);
    [[nodiscard]] std::string to_string() const;
  };
  struct Key {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    std::uint32_t scope = 0;  // number in scopes_
    ResourceType type = ResourceType::kVpc;

    bool operator==(const Key&) const = default;
    // Abseil's hash is keyed by process: clients choose the keys.
    template <class State>
    friend State AbslHashValue(State state, const Key& key) {
      return State::combine(std::move(state), key.high, key.low, key.scope,
                            static_cast<std::uint8_t>(key.type));
    }
  };
  static_assert(sizeof(Key) == 24, "a host has up to a million of them");
  struct Item {
    std::uint64_t content = 0;
    std::uint32_t holders = 0;  // number in holders_
    std::uint32_t said = 0;     // the message that said it last
  };
  struct Slice {
    std::uint32_t number = 0;
    std::uint64_t version = 0;
    Digest digest;
    absl::flat_hash_set<Key> items;
    std::array<std::size_t, kResourceTypes> of_type{};  // of items

    void add(const Key& key, std::uint64_t content);
    void remove(const Key& key, std::uint64_t content);
  };
  using Items = absl::flat_hash_map<Key, Item>;
  using Scope = std::pair<std::string, std::uint32_t>;  // id and VNI
  using Holders = std::vector<std::uint32_t>;           // numbers of slices, sorted

  static constexpr std::uint32_t kNameless = 0;

  [[nodiscard]] std::uint32_t speaker() const {
    return current_ == nullptr ? kNameless : current_->number;
  }
  [[nodiscard]] bool find_key(const SliceItem& item, Key& key) const;
  void note_name(const Key& key, std::string_view name);
  [[nodiscard]] std::string name_of(const Key& key) const;
  void set_holders(Item& item, Holders holders);
  void replace_content(Item& item, std::uint64_t content);
  bool let_go(Items::iterator found, std::uint32_t holder);
  [[nodiscard]] SliceItemRecord record_of(const Key& key, const Item& item) const;
  [[nodiscard]] std::string objection(const SliceChange& change, const Slice* slice) const;
  [[nodiscard]] static SliceReport report(const std::string& name, const Slice& slice);

  Journal* journal_;
  std::map<std::string, Slice, std::less<>> slices_;
  std::unordered_map<std::uint32_t, Slice*> by_number_;
  std::uint32_t last_number_ = kNameless;
  Items items_;
  absl::flat_hash_map<Key, std::string> names_;  // of neighbors with address pairs
  Interned<Scope> scopes_;
  Interned<Holders> holders_;
  mutable Scope last_scope_;  // most neighbors of a message are in one subnet
  mutable std::uint32_t last_scope_number_ = 0;
  mutable bool has_last_scope_ = false;
  Slice* current_ = nullptr;
  std::uint32_t message_ = 0;
  // The present message came between the parts of one that may have to know what it said itself.
  bool is_between_ = false;
};

class Slices::Interrupted {
 private:
  friend class Slices;
  Slice* slice = nullptr;
  std::uint32_t message = 0;
};

}  // namespace alkaid::agent
