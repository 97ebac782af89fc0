#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/console/commands.hpp"
#include "control/console/run.hpp"
#include "tests/unit/console/fake_processes.hpp"

namespace alkaid::console {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Script : public ::testing::Test {
 protected:
  ExitCode run(const std::string& text) {
    std::istringstream script{text};
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const ExitCode code = run_script(session_, script);
    output_ = ::testing::internal::GetCapturedStdout();
    error_ = ::testing::internal::GetCapturedStderr();
    return code;
  }

  FakeInstance fake_;
  Clients clients_{fake_.instance()};
  Session session_{command_tree(), clients_, false};
  std::string output_;
  std::string error_;
};

TEST_F(Script, RunsEveryLineAndEchoesNothing) {
  fake_.start_dataplane();
  EXPECT_EQ(run("# ports\n\nshow port | grep green\nshow drops\n"), ExitCode::kGood);
  EXPECT_THAT(output_,
              AllOf(HasSubstr("green-1"), HasSubstr("unknown_vni"), Not(HasSubstr("show"))));
  EXPECT_EQ(error_, "");
}

TEST_F(Script, StopsAtTheFirstFailureWithItsCode) {
  fake_.start_dataplane();
  EXPECT_EQ(run("show drops\nshow prt\nshow port\n"), ExitCode::kBadCommand);
  EXPECT_THAT(output_, AllOf(HasSubstr("unknown_vni"), Not(HasSubstr("green-1  guest"))));
  EXPECT_THAT(error_, HasSubstr("line 2"));
  EXPECT_EQ(run("show config\nhelp\n"), ExitCode::kNotRunning);
  EXPECT_EQ(run("show port blue\nhelp\n"), ExitCode::kRefused);
}

TEST_F(Script, QuitEndsIt) {
  EXPECT_EQ(run("quit\nshow prt\n"), ExitCode::kGood);
  EXPECT_EQ(run("help quit"), ExitCode::kGood);
  EXPECT_THAT(output_, HasSubstr("keep running"));
}

}  // namespace
}  // namespace alkaid::console
