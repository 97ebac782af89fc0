#include "control/console/interactive.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <deque>
#include <string>

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "control/console/completion.hpp"
#include "control/console/line_editor.hpp"
#include "control/console/live_names.hpp"
#include "control/console/raw_terminal.hpp"

namespace alkaid::console {
namespace {

constexpr char kControlC = 3;
constexpr const char* kClearScreen = "\033[H\033[2J";

// Bytes typed, with those that were read ahead.
class Keyboard {
 public:
  explicit Keyboard(int descriptor) : descriptor_(descriptor) {}

  enum class Outcome { kByte, kTimeout, kEnd };

  Outcome next(char& byte, std::chrono::milliseconds timeout) {
    if (ahead_.empty()) {
      pollfd waiting{descriptor_, POLLIN, 0};
      const int ready = ::poll(&waiting, 1, static_cast<int>(timeout.count()));
      if (ready == 0 || (ready < 0 && errno == EINTR)) {
        return Outcome::kTimeout;
      }
      std::array<char, 512> block;
      const ssize_t size = ::read(descriptor_, block.data(), block.size());
      if (size < 0 && (errno == EINTR || errno == EAGAIN)) {
        return Outcome::kTimeout;
      }
      if (size <= 0) {
        return Outcome::kEnd;
      }
      ahead_.insert(ahead_.end(), block.begin(), block.begin() + size);
    }
    byte = ahead_.front();
    ahead_.pop_front();
    return Outcome::kByte;
  }

 private:
  const int descriptor_;
  std::deque<char> ahead_;
};

void write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) {
      return;
    }
    bytes.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
  }
}

// Repeats a watch until Ctrl-C or q; false if the input ended.
bool watch(Session& session, const std::string& line, Result result, Keyboard& keyboard,
           int output) {
  using Clock = std::chrono::steady_clock;
  while (result.repeat_after_seconds) {
    write_all(output, fmt::format("{}every {} s, Ctrl-C ends: {}\n\n{}{}", kClearScreen,
                                  *result.repeat_after_seconds, line, result.output, result.error));
    const auto next =
        Clock::now() +
        std::chrono::milliseconds{static_cast<std::int64_t>(*result.repeat_after_seconds * 1000)};
    while (Clock::now() < next) {
      char byte = 0;
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
      switch (keyboard.next(byte, std::max(left, std::chrono::milliseconds{1}))) {
        case Keyboard::Outcome::kEnd:
          return false;
        case Keyboard::Outcome::kByte:
          if (byte == kControlC || byte == 'q') {
            return true;
          }
          break;
        case Keyboard::Outcome::kTimeout:
          break;
      }
    }
    result = session.run(line);
  }
  return true;
}

}  // namespace

ExitCode run_interactive(Session& session, int input, int output) {
  const auto terminal = RawTerminal::enter(input);
  Keyboard keyboard{input};
  const std::string& name = session.clients().instance().name;
  LineEditor editor{name == "default" ? "alkaid> " : name.substr(0, 24) + "> ",
                    [&](std::string_view before_cursor) {
                      return complete(session.root(), before_cursor, [&](NameKind kind) {
                        return live_names(session.clients(), kind);
                      });
                    },
                    [&](std::string_view bytes) { write_all(output, bytes); }};
  write_all(output, "Alkaid console. help lists the commands, Tab completes, Ctrl-D leaves.\n");
  editor.start_line();
  while (true) {
    char byte = 0;
    switch (keyboard.next(byte, std::chrono::hours{1})) {
      case Keyboard::Outcome::kTimeout:
        continue;
      case Keyboard::Outcome::kEnd:
        return ExitCode::kGood;
      case Keyboard::Outcome::kByte:
        break;
    }
    switch (editor.put(byte)) {
      case LineEditor::Event::kNone:
        break;
      case LineEditor::Event::kEnd:
        write_all(output, "\n");
        return ExitCode::kGood;
      case LineEditor::Event::kLine: {
        const std::string line = editor.line();
        Result result = session.run(line);
        if (result.quit) {
          return ExitCode::kGood;
        }
        if (result.repeat_after_seconds) {
          if (!watch(session, line, std::move(result), keyboard, output)) {
            return ExitCode::kGood;
          }
        } else {
          write_all(output, result.output + result.error);
        }
        editor.start_line();
        break;
      }
    }
  }
}

}  // namespace alkaid::console
