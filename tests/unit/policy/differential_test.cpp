// The compiled classifier against the list of rules, one by one: random rule sets, random changes,
// packets at and around the edges of what the rules name.
#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/policy/policy_fixture.hpp"

namespace alkaid {
namespace {

using Random = std::mt19937_64;

using Members = std::map<std::string, std::set<IpAddress>>;  // of every group

// A group, straight from the meaning of the fields (dataplane.proto), one rule at a time.
class Model {
 public:
  Model(std::string id, Members& members) : id(std::move(id)), members(members) {}

  const std::string id;
  std::map<std::string, SecurityRuleConfig> rules;
  Members& members;

  [[nodiscard]] bool matches(const SecurityRuleConfig& rule, bool ingress,
                             const PolicyQuery& query) const {
    if (rule.ingress != ingress || rule.ipv6 != query.ipv6) {
      return false;
    }
    if (rule.protocol && *rule.protocol != query.protocol) {
      return false;
    }
    if ((rule.port_min != 0 || rule.port_max != 0) &&
        (query.selector < rule.port_min || query.selector > rule.port_max)) {
      return false;
    }
    if (rule.icmp_type && *rule.icmp_type != query.selector >> 8) {
      return false;
    }
    if (rule.icmp_code && *rule.icmp_code != (query.selector & 0xff)) {
      return false;
    }
    if (rule.remote_prefix && !rule.remote_prefix->contains(query.remote)) {
      return false;
    }
    if (!rule.remote_group.empty()) {
      const auto group = members.find(rule.remote_group);
      return group != members.end() && group->second.contains(query.remote);
    }
    return true;
  }
};

struct Shape {
  bool ipv6 = false;
  std::size_t most_rules = 0;
  // Addresses are drawn from a space of so many bits, so that prefixes nest and meet.
  unsigned address_bits = 0;
  unsigned changes = 0;
  unsigned packets = 0;  // after each change
};

class Generator {
 public:
  Generator(Random& random, const Shape& shape) : random_(random), shape_(shape) {}

  IpAddress address() {
    const std::uint64_t mask =
        shape_.address_bits >= 64 ? ~0ULL : (1ULL << shape_.address_bits) - 1;
    if (shape_.ipv6) {
      // Both halves vary.
      const std::uint64_t bits = random_() & mask;
      return IpAddress::from_numbers(0x20010db800000000ULL | (bits & 0xffff),
                                     bits >> 16 | 1ULL << 63);
    }
    return Ipv4Address{static_cast<std::uint32_t>(random_() & mask) |
                       (shape_.address_bits < 32 ? 0x0a000000U : 0U)};
  }

  IpPrefix any_prefix() {
    const unsigned longest = shape_.ipv6 ? 128 : 32;
    const unsigned kind = below(8);
    unsigned length = below(longest + 1);
    if (kind == 0) {
      length = 0;
    } else if (kind < 3) {
      length = longest;
    } else if (kind < 6) {
      length = longest - below(std::min(longest, shape_.address_bits + 1));
    }
    const IpPrefix prefix{kind == 7 ? edge_address() : address(),
                          static_cast<std::uint8_t>(length)};
    // Bits beyond the length are allowed and mean nothing.
    return below(2) == 0 ? prefix : prefix.masked();
  }

  IpAddress edge_address() {
    const bool top = below(2) == 0;
    if (shape_.ipv6) {
      return top ? IpAddress::from_numbers(~0ULL, ~0ULL) : IpAddress{};
    }
    return Ipv4Address{top ? 0xffffffffU : 0U};
  }

  SecurityRuleConfig rule() {
    SecurityRuleConfig rule;
    rule.id = "rule-" + std::to_string(below(2 * static_cast<unsigned>(shape_.most_rules)));
    rule.ingress = below(2) == 0;
    rule.ipv6 = shape_.ipv6;
    switch (below(8)) {
      case 0:
        break;
      case 1:
        rule.protocol = static_cast<std::uint8_t>(below(256));
        break;
      case 2:
        rule.protocol = shape_.ipv6 ? 58 : 1;
        if (below(4) != 0) {
          rule.icmp_type = static_cast<std::uint8_t>(edge(255));
          if (below(2) == 0) {
            rule.icmp_code = static_cast<std::uint8_t>(edge(255));
          }
        }
        break;
      default:
        rule.protocol = below(2) == 0 ? 6 : below(4) == 0 ? 132 : 17;
        rule.port_min = static_cast<std::uint16_t>(edge(65535));
        rule.port_max = static_cast<std::uint16_t>(
            below(3) == 0 ? rule.port_min : std::min<unsigned>(65535, rule.port_min + below(200)));
        if (below(8) == 0) {
          rule.port_max = 65535;
        }
    }
    switch (below(6)) {
      case 0:
        break;
      case 1:
        rule.remote_group = group();
        break;
      default:
        rule.remote_prefix = any_prefix();
    }
    return rule;
  }

  std::string group() { return "group-" + std::to_string(below(4)); }

  // Near one of the rules, mostly.
  PolicyQuery query(const Model& model) {
    PolicyQuery query{address(), shape_.ipv6, static_cast<std::uint8_t>(below(256)),
                      static_cast<std::uint16_t>(below(65536))};
    if (model.rules.empty() || below(16) == 0) {
      return query;
    }
    const auto near = [&]() -> const SecurityRuleConfig& {
      // Not quite uniform, but quick and it reaches all of them.
      auto rule = model.rules.lower_bound(
          "rule-" + std::to_string(below(2 * static_cast<unsigned>(shape_.most_rules))));
      return rule == model.rules.end() ? model.rules.begin()->second : rule->second;
    };
    const SecurityRuleConfig& by_address = near();
    if (by_address.remote_prefix) {
      query.remote = around(*by_address.remote_prefix);
    }
    const SecurityRuleConfig& by_port = below(2) == 0 ? by_address : near();
    query.protocol = by_port.protocol.value_or(query.protocol);
    if (by_port.icmp_type) {
      query.selector = static_cast<std::uint16_t>(
          (*by_port.icmp_type << 8 | by_port.icmp_code.value_or(0)) + below(3) - 1);
    } else if (by_port.port_max != 0) {
      const unsigned end = below(2) == 0 ? by_port.port_min : by_port.port_max;
      query.selector = static_cast<std::uint16_t>(end + below(3) - 1);
    }
    return query;
  }

  unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }

 private:
  // Mostly anything, sometimes one of both ends.
  unsigned edge(unsigned largest) {
    switch (below(8)) {
      case 0:
        return 0;
      case 1:
        return largest;
      default:
        return below(largest + 1) / (below(2) == 0 ? 1 : 64);
    }
  }

  // The first or last address of a prefix, the one before or behind, or any inside.
  IpAddress around(const IpPrefix& prefix) {
    const IpPrefix masked = prefix.masked();
    Uint128 first = Uint128{masked.address.high()} << 64 | masked.address.low();
    const unsigned host = masked.max_length() - masked.length;
    const Uint128 rest = host == 128 ? ~Uint128{0} : (Uint128{1} << host) - 1;
    switch (below(5)) {
      case 0:
        break;
      case 1:
        first -= 1;
        break;
      case 2:
        first += rest;
        break;
      case 3:
        first += rest;
        first += 1;
        break;
      default:
        first += (Uint128{random_()} << 64 | random_()) & rest;
    }
    auto high = static_cast<std::uint64_t>(first >> 64);
    auto low = static_cast<std::uint64_t>(first);
    if (!shape_.ipv6) {
      // Stays in the family when it runs over an end.
      high = 0;
      low = 0x0000ffff00000000ULL | (low & 0xffffffff);
    }
    const IpAddress found = IpAddress::from_numbers(high, low);
    // ::ffff:0:0/96 is how this program writes IPv4.
    return found.is_v4() == shape_.ipv6 ? address() : found;
  }

  Random& random_;
  const Shape shape_;
};

// What changed, and the same in the model.
SecurityGroupChange any_change(Generator& generator, Model& model, const Shape& shape) {
  SecurityGroupChange change;
  change.id = model.id;
  change.replace = generator.below(50) == 0;
  if (change.replace) {
    model.rules.clear();
    model.members[model.id].clear();
  }
  const unsigned kind = generator.below(10);
  const unsigned sets = kind == 0 ? generator.below(100) : generator.below(4);
  for (unsigned i = 0; i < sets && model.rules.size() < shape.most_rules; ++i) {
    change.rules.push_back(generator.rule());
    model.rules[change.rules.back().id] = change.rules.back();
  }
  const unsigned removals = kind == 1 ? 60 : generator.below(3);
  for (unsigned i = 0; i < removals && !model.rules.empty(); ++i) {
    auto rule = model.rules.lower_bound(generator.rule().id);
    if (rule == model.rules.end()) {
      rule = model.rules.begin();
    }
    const bool is_set = std::any_of(change.rules.begin(), change.rules.end(),
                                    [&](const auto& set) { return set.id == rule->first; });
    if (!is_set) {
      change.removed_rules.push_back(rule->first);
      model.rules.erase(rule);
    }
  }
  return change;
}

SecurityGroupChange any_member_change(Generator& generator, Members& members_of_all) {
  SecurityGroupChange change;
  change.id = generator.group();
  auto& members = members_of_all[change.id];
  for (unsigned i = generator.below(6); i > 0; --i) {
    const IpAddress address = generator.address();
    if (!members.contains(address)) {
      change.members.push_back(address);
      members.insert(address);
    }
  }
  for (unsigned i = generator.below(4); i > 0 && !members.empty(); --i) {
    auto member = members.lower_bound(generator.address());
    if (member == members.end()) {
      member = members.begin();
    }
    if (std::find(change.members.begin(), change.members.end(), *member) == change.members.end()) {
      change.removed_members.push_back(*member);
      members.erase(member);
    }
  }
  return change;
}

// What is asked of a port with these groups, both ways; counts what was allowed.
class Comparison {
 public:
  Comparison(const PolicyFixture& fixture, std::vector<const Model*> models)
      : fixture_(fixture), models_(std::move(models)) {}

  void ask(const PortPolicy& policy, const PolicyQuery& query) {
    for (const bool ingress : {false, true}) {
      const RuleNumber rule = ingress ? policy.find_ingress(query) : policy.find_egress(query);
      ++packets;
      if (rule == kNoRule) {
        expect_denied(ingress, query);
      } else {
        ++allowed;
        expect_allowed(rule, ingress, query);
      }
    }
  }

  std::uint64_t allowed = 0;
  std::uint64_t packets = 0;

 private:
  // The rule that is named is there and allows it.
  void expect_allowed(RuleNumber rule, bool ingress, const PolicyQuery& query) const {
    const RuleName* name = fixture_.rules.name(rule);
    ASSERT_NE(name, nullptr);
    const auto model = std::find_if(models_.begin(), models_.end(),
                                    [&](const Model* each) { return each->id == name->group; });
    ASSERT_NE(model, models_.end()) << name->group;
    const auto found = (*model)->rules.find(name->rule);
    ASSERT_NE(found, (*model)->rules.end()) << name->rule;
    ASSERT_TRUE((*model)->matches(found->second, ingress, query))
        << name->group << "/" << found->first << " does not allow " << text_of(query)
        << (found->second.remote_prefix ? found->second.remote_prefix->to_string() : "");
  }
  void expect_denied(bool ingress, const PolicyQuery& query) const {
    for (const Model* model : models_) {
      for (const auto& [id, candidate] : model->rules) {
        ASSERT_FALSE(model->matches(candidate, ingress, query))
            << model->id << "/" << id << " allows " << text_of(query);
      }
    }
  }
  static std::string text_of(const PolicyQuery& query) {
    return query.remote.to_string() + " " + std::to_string(query.protocol) + " " +
           std::to_string(query.selector);
  }

  const PolicyFixture& fixture_;
  const std::vector<const Model*> models_;
};

// Both answers are common, or the test says little.
void expect_both_answers(std::uint64_t allowed, std::uint64_t packets) {
  EXPECT_GT(allowed, packets / 20);
  EXPECT_LT(allowed, packets - packets / 20);
}

void compare(const Shape& shape, std::uint64_t seed) {
  Random random(seed);
  Generator generator(random, shape);
  PolicyFixture fixture;
  Members members;
  Model model("group-0", members);
  fixture.groups.acquire(model.id);
  const PortPolicy policy = fixture.groups.policy_of({model.id});
  Comparison comparison(fixture, {&model});
  for (unsigned i = 0; i < shape.changes; ++i) {
    SCOPED_TRACE(i);
    ASSERT_FALSE(fixture.groups.apply(any_change(generator, model, shape)));
    ASSERT_FALSE(fixture.groups.apply(any_member_change(generator, members)));
    if (i % 3 == 0) {
      fixture.grace.pass();
    }
    for (unsigned packet = 0; packet < shape.packets && !::testing::Test::HasFailure(); ++packet) {
      comparison.ask(policy, generator.query(model));
    }
    ASSERT_EQ(fixture.groups.find(model.id)->rules().size(), model.rules.size());
  }
  expect_both_answers(comparison.allowed, comparison.packets);
}

// Ports with one to four groups, in any order, that change and go while others stay.
void compare_unions(const Shape& shape, std::uint64_t seed) {
  constexpr unsigned kGroups = 4;
  Random random(seed);
  Generator generator(random, shape);
  PolicyFixture fixture;
  Members members;
  std::vector<Model> models;
  for (unsigned i = 0; i < kGroups; ++i) {
    models.emplace_back("group-" + std::to_string(i), members);
    fixture.groups.acquire(models.back().id);
  }
  std::uint64_t allowed = 0;
  std::uint64_t packets = 0;
  for (unsigned i = 0; i < shape.changes && !::testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE(i);
    Model& changed = models[generator.below(kGroups)];
    if (generator.below(40) == 0) {
      fixture.groups.remove(changed.id);
      changed.rules.clear();
      members[changed.id].clear();
    } else {
      ASSERT_FALSE(fixture.groups.apply(any_change(generator, changed, shape)));
    }
    ASSERT_FALSE(fixture.groups.apply(any_member_change(generator, members)));
    if (i % 3 == 0) {
      fixture.grace.pass();
    }
    std::vector<const Model*> own(models.size());
    std::transform(models.begin(), models.end(), own.begin(),
                   [](const Model& model) { return &model; });
    std::shuffle(own.begin(), own.end(), random);
    own.resize(1 + generator.below(kGroups));
    std::vector<std::string> ids(own.size());
    std::transform(own.begin(), own.end(), ids.begin(),
                   [](const Model* model) { return model->id; });
    const PortPolicy policy = fixture.groups.policy_of(ids);
    Comparison comparison(fixture, own);
    for (unsigned packet = 0; packet < shape.packets && !::testing::Test::HasFailure(); ++packet) {
      comparison.ask(policy, generator.query(models[generator.below(kGroups)]));
    }
    allowed += comparison.allowed;
    packets += comparison.packets;
  }
  expect_both_answers(allowed, packets);
}

TEST(Differential, FewRulesIpv4) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    compare({.most_rules = 6, .address_bits = 6, .changes = 400, .packets = 100}, seed);
  }
}

TEST(Differential, FewRulesIpv6) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    compare({.ipv6 = true, .most_rules = 6, .address_bits = 30, .changes = 400, .packets = 100},
            seed);
  }
}

TEST(Differential, ManyRulesIpv4) {
  compare({.most_rules = 150, .address_bits = 12, .changes = 600, .packets = 400}, 1);
  compare({.most_rules = 150, .address_bits = 32, .changes = 600, .packets = 400}, 2);
  compare({.most_rules = 1500, .address_bits = 20, .changes = 400, .packets = 200}, 3);
}

TEST(Differential, ManyRulesIpv6) {
  compare({.ipv6 = true, .most_rules = 150, .address_bits = 40, .changes = 600, .packets = 400}, 1);
  compare({.ipv6 = true, .most_rules = 150, .address_bits = 64, .changes = 600, .packets = 400}, 2);
  compare({.ipv6 = true, .most_rules = 1500, .address_bits = 24, .changes = 400, .packets = 200},
          3);
}

TEST(Differential, UnionsOfGroups) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const bool ipv6 = seed % 2 == 0;
    compare_unions(
        {.ipv6 = ipv6, .most_rules = 4, .address_bits = 8, .changes = 600, .packets = 60}, seed);
    compare_unions(
        {.ipv6 = ipv6, .most_rules = 60, .address_bits = 16, .changes = 400, .packets = 60}, seed);
  }
}

}  // namespace
}  // namespace alkaid
