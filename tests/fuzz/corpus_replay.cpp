// Runs a fuzz target over its seed corpus, truncated at every length too: a regression test for
// builds without libFuzzer.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include <gtest/gtest.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace alkaid::fuzz {
namespace {

TEST(CorpusReplay, NothingInTheCorpusFails) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator{CORPUS_DIRECTORY}) {
    SCOPED_TRACE(entry.path().string());
    std::ifstream file{entry.path(), std::ios::binary};
    const std::vector<char> text{std::istreambuf_iterator<char>{file}, {}};
    const std::vector<std::uint8_t> bytes{text.begin(), text.end()};
    ASSERT_FALSE(bytes.empty());
    for (std::size_t length = 0; length <= bytes.size(); ++length) {
      LLVMFuzzerTestOneInput(bytes.data(), length);
    }
    ++files;
  }
  EXPECT_GE(files, 10);
}

}  // namespace
}  // namespace alkaid::fuzz
