#include "control/console/run.hpp"

#include <chrono>
#include <cstdio>
#include <thread>

#include <fmt/format.h>

namespace alkaid::console {
namespace {

void print(std::FILE* file, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), file);
  std::fflush(file);
}

}  // namespace

ExitCode run_once(Session& session, const std::string& line) {
  while (true) {
    const Result result = session.run(line);
    print(stdout, result.output);
    print(stderr, result.error);
    // A reader that went away (| head) ends a watch.
    if (!result.repeat_after_seconds || std::ferror(stdout) != 0) {
      return result.code;
    }
    std::this_thread::sleep_for(std::chrono::duration<double>{*result.repeat_after_seconds});
  }
}

ExitCode run_script(Session& session, std::istream& script) {
  std::string line;
  for (std::size_t number = 1; std::getline(script, line); ++number) {
    const Result result = session.run(line);
    print(stdout, result.output);
    if (result.code != ExitCode::kGood) {
      print(stderr, fmt::format("line {}: stopped\n{}", number, result.error));
      return result.code;
    }
    if (result.repeat_after_seconds) {
      return run_once(session, line);
    }
    if (result.quit) {
      break;
    }
  }
  return ExitCode::kGood;
}

}  // namespace alkaid::console
