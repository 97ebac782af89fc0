// Run directories and the lock that keeps a second process of a kind out.
#include "control/common/instance.hpp"

#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace alkaid {
namespace {

using namespace std::string_view_literals;

class InstanceTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "alkaid-unit-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    instance_ = *Instance::make("test", directory_.string());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::filesystem::path directory_;
  Instance instance_;
};

TEST(Instance, Names) {
  const std::string longest(64, 'a');
  const std::string too_long(65, 'a');
  struct {
    std::string_view name;
    bool valid;
  } const cases[] = {
      {"default", true}, {"a", true},       {"host-1.left_B", true},
      {longest, true},   {"", false},       {too_long, false},
      {".", false},      {"..", false},     {".hidden", false},
      {"a/b", false},    {"../x", false},   {"a b", false},
      {"a\nb", false},   {"a\0b"sv, false}, {"h\xc3\xb6st", false},
      {"a;b", false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Instance::make(c.name, "").has_value(), c.valid) << c.name;
  }
}

TEST(Instance, Paths) {
  const auto by_name = Instance::make("left", "");
  ASSERT_TRUE(by_name);
  EXPECT_EQ(by_name->run_directory, "/run/alkaid/left");
  EXPECT_EQ(by_name->dataplane_socket(), "/run/alkaid/left/dataplane.sock");
  const auto by_directory = Instance::make("left", "/tmp/x");
  ASSERT_TRUE(by_directory);
  EXPECT_EQ(by_directory->agent_socket(), "/tmp/x/agent.sock");
}

TEST_F(InstanceTest, TheRunDirectoryIsMadeWithItsParents) {
  const auto instance = Instance::make("x", (directory_ / "a/b/c").string());
  EXPECT_EQ(create_run_directory(*instance), "");
  struct stat status {};
  ASSERT_EQ(::stat(instance->run_directory.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0750U);
  EXPECT_EQ(create_run_directory(*instance), "") << "a second time";
}

TEST_F(InstanceTest, ARunDirectoryThatExistsKeepsItsMode) {
  ASSERT_EQ(::chmod(directory_.c_str(), 0700), 0);
  EXPECT_EQ(create_run_directory(instance_), "");
  struct stat status {};
  ASSERT_EQ(::stat(directory_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
}

TEST_F(InstanceTest, ARunDirectoryWithASlashBehindGetsItsModeToo) {
  const auto instance = Instance::make("x", (directory_ / "new/").string());
  EXPECT_EQ(create_run_directory(*instance), "");
  struct stat status {};
  ASSERT_EQ(::stat(instance->run_directory.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0750U);
}

TEST_F(InstanceTest, AFileInTheWayIsNamed) {
  std::ofstream(directory_ / "file") << "x";
  const auto instance = Instance::make("x", (directory_ / "file/below").string());
  EXPECT_THAT(create_run_directory(*instance), testing::HasSubstr(instance->run_directory));
  EXPECT_THAT(create_run_directory(*instance), testing::HasSubstr("--run-dir"));
  const auto at_file = Instance::make("x", (directory_ / "file").string());
  EXPECT_NE(create_run_directory(*at_file), "");
}

TEST_F(InstanceTest, ALockKeepsASecondHolderOut) {
  std::string error;
  auto first = InstanceLock::acquire(instance_, "program", error);
  ASSERT_TRUE(first) << error;
  EXPECT_FALSE(InstanceLock::acquire(instance_, "program", error));
  EXPECT_THAT(error, testing::HasSubstr("process " + std::to_string(::getpid())));
  EXPECT_THAT(error, testing::HasSubstr("--instance"));
  EXPECT_TRUE(InstanceLock::acquire(instance_, "other", error)) << error;
  first.reset();
  EXPECT_TRUE(InstanceLock::acquire(instance_, "program", error)) << error;
}

TEST_F(InstanceTest, ALockMovesWithItsHolder) {
  std::string error;
  std::optional<InstanceLock> inner;
  {
    auto outer = InstanceLock::acquire(instance_, "program", error);
    ASSERT_TRUE(outer) << error;
    inner.emplace(std::move(*outer));
  }
  EXPECT_FALSE(InstanceLock::acquire(instance_, "program", error)) << "moved, not released";
  auto other = InstanceLock::acquire(instance_, "other", error);
  ASSERT_TRUE(other) << error;
  {
    InstanceLock temporary = std::move(*inner);
    *other = std::move(temporary);
  }
  EXPECT_FALSE(InstanceLock::acquire(instance_, "program", error)) << "assigned, not released";
  EXPECT_TRUE(InstanceLock::acquire(instance_, "other", error)) << "what it held before is free";
}

TEST_F(InstanceTest, TheKernelReleasesALockWithItsProcess) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::string ignored;
    const auto lock = InstanceLock::acquire(instance_, "program", ignored);
    const char answer = lock ? 'y' : 'n';
    if (::write(ready[1], &answer, 1) != 1) {
      ::_exit(1);
    }
    ::pause();
    ::_exit(0);
  }
  char answer = 0;
  ASSERT_EQ(::read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  std::string error;
  EXPECT_FALSE(InstanceLock::acquire(instance_, "program", error));
  EXPECT_THAT(error, testing::HasSubstr("process " + std::to_string(child)));
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(InstanceLock::acquire(instance_, "program", error)) << error;
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(InstanceTest, AMissingDirectoryIsAnError) {
  const auto instance = Instance::make("x", (directory_ / "missing").string());
  std::string error;
  EXPECT_FALSE(InstanceLock::acquire(*instance, "program", error));
  EXPECT_THAT(error, testing::HasSubstr(instance->run_directory));
}

}  // namespace
}  // namespace alkaid
