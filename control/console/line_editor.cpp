#include "control/console/line_editor.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include <cmdline_rdline.h>

#include "control/common/text_table.hpp"

namespace alkaid::console {
namespace {

// What rdline expects of its completion callback.
constexpr int kNoMore = 0;
constexpr int kChoice = RDLINE_RES_VALIDATED;
constexpr int kInsert = RDLINE_RES_COMPLETE;

constexpr std::size_t kLongestPrompt = 31;

std::vector<std::string> choice_lines(const Completion& completion, bool with_hints) {
  std::size_t width = 0;
  for (const Candidate& candidate : completion.candidates) {
    width = std::max(width, display_width(candidate.word));
  }
  std::vector<std::string> lines;
  for (const Candidate& candidate : completion.candidates) {
    if (!candidate.insertable && !with_hints) {
      continue;
    }
    std::string line = candidate.word;
    if (!candidate.help.empty()) {
      line += std::string(width - display_width(candidate.word) + 2, ' ') + candidate.help;
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace

// rdline calls these; nothing may be thrown through its C frames.
struct LineEditor::Callbacks {
  static LineEditor& self(rdline* editor) {
    return *static_cast<LineEditor*>(rdline_get_opaque(editor));
  }

  static int write_char(rdline* editor, char c) {
    self(editor).output_ += c;
    return 0;
  }

  static void validate(rdline* editor, const char* buffer, unsigned int size) {
    std::string_view text{buffer, size};
    text = text.substr(0, text.find_first_of(std::string_view{"\0\n", 2}));
    self(editor).line_ = text;
  }

  // *state is -1 for the first call after ?, 0 for the first after Tab, else ours.
  static int complete(rdline* editor, const char* buffer, char* target, unsigned int size,
                      int* state) {
    try {
      return complete_or_throw(self(editor), buffer, target, size, *state);
    } catch (...) {
      return kNoMore;
    }
  }

  static int complete_or_throw(LineEditor& editor, const char* buffer, char* target,
                               unsigned int size, int& state) {
    constexpr int kListing = 1;
    if (state != kListing) {
      const bool is_help = state < 0;
      state = kListing;
      editor.flush();  // the answer may take a moment
      const Completion completion = editor.completer_(buffer);
      editor.choices_ = choice_lines(completion, is_help);
      const std::string insertion = is_help ? "" : completion.insertion();
      if (!insertion.empty()) {
        copy(insertion, target, size);
        return kInsert;
      }
      if (editor.choices_.empty()) {
        if (!is_help) {
          return kNoMore;
        }
        editor.choices_.emplace_back("nothing can follow here");
      }
      std::reverse(editor.choices_.begin(), editor.choices_.end());
    }
    if (editor.choices_.empty()) {
      return kNoMore;
    }
    copy(editor.choices_.back(), target, size);
    editor.choices_.pop_back();
    return kChoice;
  }

  static void copy(const std::string& text, char* target, unsigned int size) {
    const std::size_t length = text.copy(target, size - 1);
    target[length] = 0;
  }
};

void LineEditor::Free::operator()(rdline* editor) const {
  rdline_free(editor);
}

LineEditor::LineEditor(std::string prompt, Completer completer, Writer writer)
    : prompt_(prompt.substr(0, kLongestPrompt)),
      completer_(std::move(completer)),
      writer_(std::move(writer)),
      editor_(
          rdline_new(&Callbacks::write_char, &Callbacks::validate, &Callbacks::complete, this)) {
  if (editor_ == nullptr) {
    throw std::bad_alloc{};
  }
}

LineEditor::~LineEditor() = default;

void LineEditor::start_line() {
  line_.clear();
  rdline_newline(editor_.get(), prompt_.c_str());
  flush();
}

LineEditor::Event LineEditor::put(char byte) {
  // rdline edits ASCII; bytes of other characters would be counted as columns of their own.
  if (static_cast<unsigned char>(byte) >= 0x80) {
    return Event::kNone;
  }
  const int result = rdline_char_in(editor_.get(), byte);
  flush();
  if (result == RDLINE_RES_VALIDATED) {
    if (!line_.empty() && line_ != last_line_) {
      rdline_add_history(editor_.get(), line_.c_str());
      last_line_ = line_;
    }
    return Event::kLine;
  }
  return result < 0 ? Event::kEnd : Event::kNone;
}

void LineEditor::flush() {
  if (!output_.empty()) {
    writer_(output_);
    output_.clear();
  }
}

}  // namespace alkaid::console
