// What the words that stand for values must look like: each says what would be right, nullopt if
// the word is.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "control/console/command_tree.hpp"

namespace alkaid::console {

std::optional<std::string> check_vni(std::string_view text);
std::optional<std::string> check_address(std::string_view text);
std::optional<std::string> check_prefix(std::string_view text);
std::optional<std::string> check_route_table(std::string_view text);
std::optional<std::string> check_watch_seconds(std::string_view text);
std::optional<std::string> check_protocol(std::string_view text);
std::optional<std::string> check_l4_port(std::string_view text);
// 1 and more, 32 bits.
std::optional<std::string> check_count(std::string_view text);
std::optional<std::string> check_idle_seconds(std::string_view text);
std::optional<std::string> check_worker(std::string_view text);
// A receive queue's number.
std::optional<std::string> check_queue(std::string_view text);

// A word that stands for a value; the command may end with it. check: nullptr accepts anything.
Node argument(std::string name, std::string help, Handler handler, NameKind names,
              std::optional<std::string> (*check)(std::string_view),
              std::vector<Node> children = {});

}  // namespace alkaid::console
