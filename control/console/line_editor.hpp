// librte_cmdline's rdline: editing, history, Tab and ? on a terminal.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/console/completion.hpp"

struct rdline;

namespace alkaid::console {

// Turns bytes from a terminal into lines. Keys: arrows, Ctrl-A, Ctrl-E, Ctrl-K, Ctrl-W, Ctrl-Y,
// history with up and down, Tab, ?; lines are at most 511 bytes long.
class LineEditor {
 public:
  using Completer = std::function<Completion(std::string_view before_cursor)>;
  using Writer = std::function<void(std::string_view bytes)>;

  enum class Event { kNone, kLine, kEnd };

  // `writer` gets what is to appear on the terminal.
  LineEditor(std::string prompt, Completer completer, Writer writer);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  // Shows the prompt and takes a new line; call first and after every kLine.
  void start_line();

  // One byte from the terminal. kLine: line() is complete. kEnd: Ctrl-D on an empty line.
  Event put(char byte);

  [[nodiscard]] const std::string& line() const { return line_; }

 private:
  struct Callbacks;
  struct Free {
    void operator()(rdline* editor) const;
  };

  void flush();

  const std::string prompt_;
  const Completer completer_;
  const Writer writer_;
  std::unique_ptr<rdline, Free> editor_;
  std::string line_;
  std::string last_line_;             // of the history
  std::string output_;                // not yet written
  std::vector<std::string> choices_;  // being listed by rdline
};

}  // namespace alkaid::console
