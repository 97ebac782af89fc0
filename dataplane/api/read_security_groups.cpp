#include "dataplane/api/read_security_groups.hpp"

#include <cstddef>

#include "dataplane/api/convert.hpp"

namespace alkaid {
namespace {

constexpr std::size_t kBytesPerBatch = 1U << 20;
// Of a member, and of a rule and a group beside their ids: field numbers, lengths, fixed widths.
constexpr std::size_t kMemberBytes = 22;
constexpr std::size_t kRuleBytes = 64;

class GroupBatches {
 public:
  explicit GroupBatches(std::vector<api::ReadResponse>& batches) : batches_(batches) {}

  void begin(const SecurityGroup& group) {
    group_ = &group;
    part_ = nullptr;
    make_room(kRuleBytes + group.id().size());
    if (part_ == nullptr) {
      add_part();
    }
    part_->set_replace(true);
  }

  // The part to put something of so many bytes into.
  api::SecurityGroup& part(std::size_t bytes) {
    make_room(bytes);
    return *part_;
  }

 private:
  void make_room(std::size_t bytes) {
    if (used_ + bytes > kBytesPerBatch) {
      batches_.emplace_back();
      used_ = 0;
      add_part();
    }
    used_ += bytes;
  }

  void add_part() {
    part_ = batches_.back().add_security_groups();
    part_->set_id(group_->id());
  }

  std::vector<api::ReadResponse>& batches_;
  const SecurityGroup* group_ = nullptr;
  api::SecurityGroup* part_ = nullptr;
  std::size_t used_ = kBytesPerBatch;  // groups begin in a batch of their own
};

}  // namespace

void read_security_groups(const SecurityGroupTable& groups,
                          std::vector<api::ReadResponse>& batches) {
  GroupBatches out(batches);
  groups.for_each([&](const SecurityGroup& group) {
    out.begin(group);
    for (const auto& [id, rule] : group.rules()) {
      auto& part = out.part(kRuleBytes + id.size() + rule.config.remote_group.size());
      to_api(rule.config, *part.add_rules());
    }
    group.for_each_member(
        [&](const IpAddress& member) { to_api(member, *out.part(kMemberBytes).add_members()); });
  });
}

}  // namespace alkaid
