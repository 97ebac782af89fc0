// Post-conditions of fuzz targets: checked in every build type, unlike assert().
#pragma once

#include <cstdio>
#include <cstdlib>

namespace alkaid::fuzz {

[[noreturn]] inline void failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
  std::abort();
}

}  // namespace alkaid::fuzz

// A macro, for the text and the place of the condition.
#define ALKAID_REQUIRE(condition) \
  ((condition) ? static_cast<void>(0) : ::alkaid::fuzz::failed(#condition, __FILE__, __LINE__))
