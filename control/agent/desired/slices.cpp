#include "control/agent/desired/slices.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <xxhash.h>

#include "control/agent/desired/journal.hpp"
#include "control/common/logging.hpp"

namespace alkaid::agent {
namespace {

XXH128_hash_t expand(std::uint64_t content) {
  return XXH3_128bits(&content, sizeof(content));
}

// UTF-8 cut between two characters.
std::string_view first_bytes(std::string_view text, std::size_t most) {
  if (text.size() <= most) {
    return text;
  }
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) {
    --most;
  }
  return text.substr(0, most);
}

}  // namespace

void Slices::Digest::add(std::uint64_t content) {
  const XXH128_hash_t hash = expand(content);
  high += hash.high64;
  low += hash.low64;
}

void Slices::Digest::remove(std::uint64_t content) {
  const XXH128_hash_t hash = expand(content);
  high -= hash.high64;
  low -= hash.low64;
}

std::string Slices::Digest::to_string() const {
  return fmt::format("{:016x}{:016x}", high, low);
}

void Slices::Slice::add(const Key& key, std::uint64_t content) {
  items.insert(key);
  digest.add(content);
  ++of_type.at(static_cast<std::size_t>(key.type));
}

void Slices::Slice::remove(const Key& key, std::uint64_t content) {
  items.erase(key);
  digest.remove(content);
  --of_type.at(static_cast<std::size_t>(key.type));
}

Slices::Slices() : journal_(&Journal::none()) {}

// ---------------------------------------------------------------- one message

std::string Slices::objection(const SliceChange& change, const Slice* slice) const {
  const std::string name = printable(change.name);
  if (change.operation == SliceOperation::kUnknown) {
    return "slice.operation is none of DELTA, REPLACE, DROP and ASK";
  }
  if (change.name.empty() && change.operation != SliceOperation::kAsk) {
    return "slice.name is missing";
  }
  if (change.name.size() > kMostNameBytes) {
    return fmt::format("slice.name has {} bytes: at most {}", change.name.size(), kMostNameBytes);
  }
  const bool is_update =
      change.operation == SliceOperation::kDelta || change.operation == SliceOperation::kReplace;
  if (!is_update) {
    return {};
  }
  if (slice == nullptr && slices_.size() >= kMostSlices) {
    return fmt::format("there are {} slices already: drop one before slice {} is made",
                       slices_.size(), name);
  }
  const std::uint64_t version = slice == nullptr ? 0 : slice->version;
  if (change.operation == SliceOperation::kDelta) {
    if (change.base_version != 0 && change.base_version != version) {
      return fmt::format("slice {} is at version {}, not {}: send the full slice (REPLACE)", name,
                         version, change.base_version);
    }
    const std::string digest = (slice == nullptr ? Digest{} : slice->digest).to_string();
    if (!change.base_digest.empty() && change.base_digest != digest) {
      return fmt::format("slice {} has the digest {}, not {}: send the full slice (REPLACE)", name,
                         digest, printable(change.base_digest));
    }
  }
  // A REPLACE may be repeated when its reply was lost.
  const std::uint64_t least = change.operation == SliceOperation::kDelta ? version + 1 : version;
  if (change.version != 0 && change.version < least) {
    return fmt::format("slice {} is at version {} already: not set back to {}; DROP forgets it",
                       name, version, change.version);
  }
  return {};
}

std::string Slices::begin(const SliceChange& change) {
  current_ = nullptr;
  const auto found = slices_.find(change.name);
  std::string reason = objection(change, found == slices_.end() ? nullptr : &found->second);
  if (!reason.empty() || change.operation == SliceOperation::kAsk) {
    return reason;
  }
  ++message_;
  if (found != slices_.end()) {
    current_ = &found->second;
  } else if (change.operation != SliceOperation::kDrop) {
    current_ = &slices_[change.name];
    current_->number = ++last_number_;
    by_number_.emplace(current_->number, current_);
    journal_->put_slice(change.name, {current_->number, current_->version});
  }
  return {};
}

Slices::Interrupted Slices::interrupt() {
  Interrupted interrupted;
  interrupted.slice = current_;
  interrupted.message = message_;
  is_between_ = true;
  return interrupted;
}

void Slices::resume(const Interrupted& interrupted) {
  current_ = interrupted.slice;
  message_ = interrupted.message;
  is_between_ = false;
}

bool Slices::find_key(const SliceItem& item, Key& key) const {
  key = {item.high, item.low, 0, item.type};
  if (!has_last_scope_ || last_scope_.first != item.scope ||
      last_scope_.second != item.vni.number()) {
    last_scope_ = {std::string{item.scope}, item.vni.number()};
    const auto number = scopes_.find(last_scope_);
    has_last_scope_ = number.has_value();
    last_scope_number_ = number.value_or(0);
  }
  key.scope = last_scope_number_;
  return has_last_scope_;
}

void Slices::note_name(const Key& key, std::string_view name) {
  if (!name.empty()) {
    names_[key] = name;
  } else if (!names_.empty()) {
    names_.erase(key);
  }
}

std::string Slices::name_of(const Key& key) const {
  const auto name = names_.find(key);
  return name == names_.end() ? std::string{} : name->second;
}

void Slices::set_holders(Item& item, Holders holders) {
  const std::uint32_t former = item.holders;
  item.holders = holders_.take(holders);
  holders_.release(former);
}

void Slices::replace_content(Item& item, std::uint64_t content) {
  for (const std::uint32_t holder : holders_[item.holders]) {
    if (holder != kNameless) {
      Digest& digest = by_number_.at(holder)->digest;
      digest.remove(item.content);
      digest.add(content);
    }
  }
  item.content = content;
}

std::string Slices::say(const SliceItem& item, std::uint64_t content, bool was_known) {
  Key key;
  const auto found = find_key(item, key) ? items_.find(key) : items_.end();
  if (found == items_.end()) {
    if (current_ == nullptr) {
      return {};
    }
    key.scope = scopes_.take({std::string{item.scope}, item.vni.number()});
    has_last_scope_ = true;
    last_scope_number_ = key.scope;
    const Item added{
        content,
        holders_.take(was_known ? Holders{kNameless, current_->number} : Holders{current_->number}),
        is_between_ ? 0 : message_};
    items_.emplace(key, added);
    current_->add(key, content);
    note_name(key, item.name);
    journal_->put_slice_item(record_of(key, added));
    return {};
  }
  Item& known = found->second;
  if (!is_between_ && current_ != nullptr) {
    known.said = message_;
  }
  bool is_changed = false;
  std::string former_name;
  if (known.content != content) {
    replace_content(known, content);
    former_name = name_of(key);
    if (former_name == item.name) {
      former_name.clear();
    } else {
      note_name(key, item.name);
    }
    is_changed = true;
  }
  const Holders& present = holders_[known.holders];
  const auto place = std::lower_bound(present.begin(), present.end(), speaker());
  if (place == present.end() || *place != speaker()) {
    Holders holders = present;
    holders.insert(holders.begin() + (place - present.begin()), speaker());
    set_holders(known, std::move(holders));
    if (current_ != nullptr) {
      current_->add(key, content);
    }
    is_changed = true;
  }
  if (is_changed) {
    journal_->put_slice_item(record_of(key, known));
  }
  return former_name;
}

bool Slices::may_say(const SliceItem& item) const {
  Key key;
  const auto found = current_ != nullptr && find_key(item, key) ? items_.find(key) : items_.end();
  if (found == items_.end()) {
    return true;
  }
  const Holders& holders = holders_[found->second.holders];
  const std::size_t slices = holders.size() - (holders.front() == kNameless ? 1 : 0);
  return slices < kMostHolders || std::binary_search(holders.begin(), holders.end(), speaker());
}

bool Slices::is_alone_with(const SliceItem& item) const {
  Key key;
  const auto found = find_key(item, key) ? items_.find(key) : items_.end();
  return found == items_.end() ? current_ == nullptr
                               : holders_[found->second.holders] == Holders{speaker()};
}

bool Slices::let_go(const SliceItem& item) {
  Key key;
  const auto found = find_key(item, key) ? items_.find(key) : items_.end();
  if (found == items_.end()) {
    return current_ == nullptr;
  }
  return let_go(found, speaker());
}

bool Slices::let_go(Items::iterator found, std::uint32_t holder) {
  const Key key = found->first;
  Item& item = found->second;
  Holders holders = holders_[item.holders];
  const auto place = std::lower_bound(holders.begin(), holders.end(), holder);
  if (place == holders.end() || *place != holder) {
    return false;
  }
  holders.erase(place);
  if (holder != kNameless) {
    by_number_.at(holder)->remove(key, item.content);
  }
  const bool is_free = holders.empty();
  if (!is_free && holders != Holders{kNameless}) {
    set_holders(item, std::move(holders));
    journal_->put_slice_item(record_of(key, item));
    return false;
  }
  journal_->erase_slice_item(record_of(key, item));
  holders_.release(item.holders);
  items_.erase(found);
  if (!names_.empty()) {
    names_.erase(key);
  }
  scopes_.release(key.scope);
  has_last_scope_ = false;
  return is_free;
}

std::vector<SliceItemRecord> Slices::take_unsaid(
    const std::function<bool(const SliceItemRecord&)>& may_go) {
  std::vector<SliceItemRecord> gone;
  if (current_ == nullptr) {
    return gone;
  }
  std::vector<Key> unsaid;
  for (const Key& key : current_->items) {
    if (items_.at(key).said != message_) {
      unsaid.push_back(key);
    }
  }
  for (const Key& key : unsaid) {
    const auto found = items_.find(key);
    SliceItemRecord record = record_of(key, found->second);
    if (record.holders.size() == 1 && !may_go(record)) {
      continue;
    }
    if (let_go(found, current_->number)) {
      gone.push_back(std::move(record));
    }
  }
  return gone;
}

void Slices::finish(const SliceChange& change) {
  if (current_ == nullptr) {
    return;
  }
  if (change.operation == SliceOperation::kDrop) {
    by_number_.erase(current_->number);
    slices_.erase(slices_.find(change.name));
    journal_->erase_slice(change.name);
  } else {
    current_->version = change.version != 0 ? change.version : current_->version + 1;
    journal_->put_slice(change.name, {current_->number, current_->version});
  }
  current_ = nullptr;
}

void Slices::abandon(const SliceChange& change) {
  if (current_ != nullptr && current_->version == 0 && current_->items.empty()) {
    by_number_.erase(current_->number);
    slices_.erase(slices_.find(change.name));
    journal_->erase_slice(change.name);
  }
  current_ = nullptr;
}

// ---------------------------------------------------------------- looking

SliceReport Slices::report(const std::string& name, const Slice& slice) {
  return {name, slice.version, slice.digest.to_string(), slice.items.size(), {}};
}

SliceReport Slices::report(std::string_view name) const {
  const auto found = slices_.find(name);
  if (found != slices_.end()) {
    return report(found->first, found->second);
  }
  return {std::string{first_bytes(name, kMostNameBytes)}, 0, Digest{}.to_string(), 0, {}};
}

std::vector<SliceReport> Slices::report_all() const {
  std::vector<SliceReport> reports;
  for (const auto& [name, slice] : slices_) {
    reports.push_back(report(name, slice));
  }
  return reports;
}

std::vector<SliceContent> Slices::contents(std::string_view name) const {
  using Counts = std::map<std::uint32_t, std::size_t>;  // by holder
  std::map<std::uint32_t, Counts> shared;               // by slice
  holders_.for_each([&shared](const Holders& holders, std::size_t resources) {
    for (const std::uint32_t slice : holders) {
      for (const std::uint32_t other : holders) {
        if (slice != kNameless && other != slice) {
          shared[slice][other] += resources;
        }
      }
    }
  });
  std::unordered_map<std::uint32_t, std::string_view> names;
  for (const auto& [other, slice] : slices_) {
    names.emplace(slice.number, other);
  }
  std::vector<SliceContent> contents;
  for (const auto& [own_name, slice] : slices_) {
    if (!name.empty() && name != own_name) {
      continue;
    }
    SliceContent content{report(own_name, slice), slice.of_type, {}};
    for (const auto& [other, resources] : shared[slice.number]) {
      content.holders.push_back(
          {other == kNameless ? std::string{} : std::string{names.at(other)}, resources});
    }
    std::sort(content.holders.begin(), content.holders.end(),
              [](const auto& one, const auto& two) { return one.slice < two.slice; });
    contents.push_back(std::move(content));
  }
  return contents;
}

// ---------------------------------------------------------------- what outlives the process

SliceItemRecord Slices::record_of(const Key& key, const Item& item) const {
  const Scope& scope = scopes_[key.scope];
  SliceItemRecord record;
  record.type = key.type;
  record.scope = scope.first;
  record.vni = Vni::from_trusted(scope.second);
  record.high = key.high;
  record.low = key.low;
  record.name = name_of(key);
  record.content = item.content;
  record.holders = holders_[item.holders];
  return record;
}

void Slices::describe(Journal& journal) const {
  for (const auto& [name, slice] : slices_) {
    journal.put_slice(name, {slice.number, slice.version});
  }
  for (const auto& [key, item] : items_) {
    journal.put_slice_item(record_of(key, item));
  }
}

bool Slices::restore(const std::string& name, const SliceRecord& record) {
  Slice& slice = slices_[name];
  slice.number = record.number;
  slice.version = record.version;
  last_number_ = std::max(last_number_, record.number);
  return record.number != kNameless && by_number_.emplace(record.number, &slice).second;
}

bool Slices::restore_item(const SliceItemRecord& record) {
  const auto exists = [this](std::uint32_t holder) {
    return holder == kNameless || by_number_.contains(holder);
  };
  if (record.holders.empty() || record.holders.back() == kNameless ||
      !std::is_sorted(record.holders.begin(), record.holders.end()) ||
      std::adjacent_find(record.holders.begin(), record.holders.end()) != record.holders.end() ||
      !std::all_of(record.holders.begin(), record.holders.end(), exists)) {
    return false;
  }
  const Key key{record.high, record.low, scopes_.take({record.scope, record.vni.number()}),
                record.type};
  const bool is_new =
      items_.emplace(key, Item{record.content, holders_.take(record.holders), 0}).second;
  for (const std::uint32_t holder : record.holders) {
    if (holder != kNameless) {
      by_number_.at(holder)->add(key, record.content);
    }
  }
  note_name(key, record.name);
  return is_new;
}

}  // namespace alkaid::agent
