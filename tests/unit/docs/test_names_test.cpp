// The tests that the documentation names exist.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <string>

#include <gtest/gtest.h>

namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& file) {
  std::ifstream stream{file};
  return {std::istreambuf_iterator<char>{stream}, {}};
}

// Every test source by its file name.
const std::multimap<std::string, fs::path>& sources() {
  static const auto kSources = [] {
    std::multimap<std::string, fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator{ALKAID_SOURCE_DIR "/tests"}) {
      found.emplace(entry.path().filename(), entry.path());
    }
    return found;
  }();
  return kSources;
}

bool has_test(const std::string& text, const std::string& suite, const std::string& name) {
  const std::regex definition{suite.empty()
                                  ? "\ndef " + name + "\\("
                                  : "\n(TYPED_)?TEST(_F|_P)?\\(" + suite + ",\\s+" + name + "\\)"};
  return std::regex_search(text, definition);
}

bool exists(const std::string& file, const std::string& suite, const std::string& name) {
  const auto [begin, end] = sources().equal_range(file);
  return std::any_of(begin, end, [&](const auto& source) {
    return has_test(text_of(source.second), suite, name);
  });
}

class TestNames : public ::testing::TestWithParam<const char*> {};

TEST_P(TestNames, Exist) {
  const std::string page = text_of(fs::path{ALKAID_SOURCE_DIR "/docs"} / GetParam());
  const std::regex reference{R"(`([a-z0-9_]+\.(?:cpp|py))::(?:(\w+)\.)?(\w+)`)"};
  std::size_t count = 0;
  for (std::sregex_iterator at{page.begin(), page.end(), reference}; at != std::sregex_iterator{};
       ++at, ++count) {
    EXPECT_TRUE(exists((*at)[1], (*at)[2], (*at)[3])) << (*at)[0] << " in " << GetParam();
  }
  EXPECT_GT(count, 30U);
}

INSTANTIATE_TEST_SUITE_P(Pages, TestNames, ::testing::Values("aca-defects.md", "testing.md"));

}  // namespace
