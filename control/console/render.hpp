// Display models as text and as JSON.
#pragma once

#include <string>

#include "control/console/display.hpp"

namespace alkaid::console {

// For terminals: sections one after the other, a blank line between them.
std::string render_text(const Display& display);

// One JSON object with a member per section, indented, ASCII only, ending in '\n'.
std::string render_json(const Display& display);

}  // namespace alkaid::console
