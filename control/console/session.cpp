#include "control/console/session.hpp"

#include <charconv>
#include <utility>
#include <variant>

#include "control/console/commands.hpp"
#include "control/console/grep.hpp"
#include "control/console/help.hpp"
#include "control/console/parser.hpp"
#include "control/console/render.hpp"

namespace alkaid::console {
namespace {

Result bad_command(std::string_view line, const ParseError& error) {
  Result result;
  result.code = ExitCode::kBadCommand;
  result.error = caret_message(line, error);
  return result;
}

}  // namespace

Result Session::run(std::string_view line) {
  auto parsed = parse_line(root_, line);
  if (const auto* error = std::get_if<ParseError>(&parsed)) {
    return bad_command(line, *error);
  }
  const Command& command = std::get<Command>(parsed);
  Result result;
  if (command.node == nullptr) {
    return result;
  }
  std::optional<LineFilter> filter;
  if (command.grep) {
    auto made = LineFilter::make(*command.grep);
    if (const auto* error = std::get_if<std::string>(&made)) {
      return bad_command(line, {line.find('|'), *error});
    }
    filter = std::get<LineFilter>(std::move(made));
  }

  Answer answer;
  switch (command.node->action) {
    case Node::Action::kQuit:
      result.quit = true;
      return result;
    case Node::Action::kHelp: {
      auto help = help_display(root_, command.rest);
      if (const auto* error = std::get_if<ParseError>(&help)) {
        return bad_command(line, *error);
      }
      answer.display = std::get<Display>(std::move(help));
      break;
    }
    case Node::Action::kShow:
      answer = command.node->handler(clients_, command.arguments);
      break;
    case Node::Action::kNone:
      break;
  }

  if (!answer.display.sections.empty()) {
    result.output =
        json_ || command.json ? render_json(answer.display) : render_text(answer.display);
    if (filter) {
      result.output = filter->apply(result.output);
    }
  }
  if (answer.failure) {
    result.code = answer.failure->code;
    result.error = answer.failure->message + '\n';
  }
  if (const auto seconds = command.arguments.find(kWatchArgument);
      seconds != command.arguments.end()) {
    double value = 0;
    std::from_chars(seconds->second.data(), seconds->second.data() + seconds->second.size(), value);
    result.repeat_after_seconds = value;
  }
  return result;
}

}  // namespace alkaid::console
