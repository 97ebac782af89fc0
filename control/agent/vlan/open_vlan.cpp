#include "control/agent/vlan/open_vlan.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace alkaid::agent {
namespace {

constexpr std::string_view kKind = "vlan:";
constexpr std::string_view kOpen = "{vlan";
constexpr std::size_t kLongestTrunk = 15;

// The data plane has the same rule.
bool is_trunk_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestTrunk && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.';
         });
}

std::optional<std::uint16_t> parse_vlan(std::string_view text) {
  std::uint16_t vlan = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), vlan);
  const bool is_number = error == std::errc{} && end == text.data() + text.size();
  return is_number && vlan >= 1 && vlan <= kHighestVlan ? std::optional{vlan} : std::nullopt;
}

// What stands before and behind the '/' of "vlan:A/B".
std::optional<std::pair<std::string_view, std::string_view>> split(std::string_view attachment) {
  const auto slash = attachment.find('/');
  if (!attachment.starts_with(kKind) || slash == std::string_view::npos) {
    return std::nullopt;
  }
  return std::pair{attachment.substr(kKind.size(), slash - kKind.size()),
                   attachment.substr(slash + 1)};
}

}  // namespace

std::string VlanAttachment::text() const {
  return fmt::format("{}{}/{}", kKind, trunk, vlan);
}

std::optional<VlanAttachment> VlanAttachment::parse(std::string_view attachment) {
  const auto parts = split(attachment);
  const auto vlan = parts ? parse_vlan(parts->second) : std::nullopt;
  if (!vlan || !is_trunk_name(parts->first)) {
    return std::nullopt;
  }
  return VlanAttachment{std::string{parts->first}, *vlan};
}

bool OpenVlan::allows(const VlanAttachment& attachment) const {
  return attachment.vlan >= first && attachment.vlan <= last &&
         std::find(trunks.begin(), trunks.end(), attachment.trunk) != trunks.end();
}

std::optional<OpenVlan> OpenVlan::parse(std::string_view attachment) {
  const auto parts = split(attachment);
  if (!parts || !parts->second.starts_with(kOpen) || !parts->second.ends_with('}')) {
    return std::nullopt;
  }
  OpenVlan open;
  std::string_view range = parts->second.substr(kOpen.size());
  range.remove_suffix(1);
  if (!range.empty()) {
    const auto dash = range.find('-');
    if (range[0] != ':' || dash == std::string_view::npos) {
      return std::nullopt;
    }
    const auto first = parse_vlan(range.substr(1, dash - 1));
    const auto last = parse_vlan(range.substr(dash + 1));
    if (!first || !last || *first > *last) {
      return std::nullopt;
    }
    open.first = *first;
    open.last = *last;
  }
  for (std::string_view names = parts->first;;) {
    const auto comma = names.find(',');
    const std::string name{names.substr(0, comma)};
    if (!is_trunk_name(name) ||
        std::find(open.trunks.begin(), open.trunks.end(), name) != open.trunks.end()) {
      return std::nullopt;
    }
    open.trunks.push_back(name);
    if (comma == std::string_view::npos) {
      return open;
    }
    names.remove_prefix(comma + 1);
  }
}

}  // namespace alkaid::agent
