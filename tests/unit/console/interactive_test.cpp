// The interactive console on a pseudo-terminal.
#include "control/console/interactive.hpp"

#include <array>
#include <chrono>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

#include "control/console/commands.hpp"
#include "tests/unit/console/fake_processes.hpp"

namespace alkaid::console {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

class Interactive : public ::testing::Test {
 protected:
  void SetUp() override {
    fake_.start_dataplane();
    ASSERT_EQ(::openpty(&keyboard_, &terminal_, nullptr, nullptr, nullptr), 0);
    ASSERT_EQ(::tcgetattr(terminal_, &before_), 0);
    console_ = std::thread{[this] {
      code_ = run_interactive(session_, terminal_, terminal_);
      done_ = true;
    }};
    EXPECT_TRUE(wait_for("test> "));
  }

  void TearDown() override {
    if (console_.joinable()) {
      type("\x03\x04");
      finish();
    }
    ::close(keyboard_);
    ::close(terminal_);
  }

  void type(const std::string& keys) {
    ASSERT_EQ(::write(keyboard_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }

  // Reads what appears until `text` does; what was read stays in seen_.
  bool wait_for(const std::string& text) {
    const auto end = Clock::now() + 5s;
    while (seen_.find(text) == std::string::npos) {
      if (Clock::now() > end) {
        ADD_FAILURE() << "did not appear: " << text << "\nseen: " << seen_;
        return false;
      }
      read_some();
    }
    seen_.erase(0, seen_.find(text) + text.size());
    return true;
  }

  void finish() {
    const auto end = Clock::now() + 10s;
    while (!done_ && Clock::now() < end) {
      read_some();
    }
    ASSERT_TRUE(done_) << "the console does not end";
    console_.join();
  }

  void read_some() {
    pollfd waiting{keyboard_, POLLIN, 0};
    std::array<char, 1024> block;
    if (::poll(&waiting, 1, 20) > 0) {
      const ssize_t size = ::read(keyboard_, block.data(), block.size());
      seen_.append(block.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    }
  }

  FakeInstance fake_;
  Clients clients_{fake_.instance()};
  Session session_{command_tree(), clients_, false};
  int keyboard_ = -1;
  int terminal_ = -1;
  termios before_{};
  std::thread console_;
  std::atomic<bool> done_ = false;
  ExitCode code_ = ExitCode::kRefused;
  std::string seen_;
};

TEST_F(Interactive, RunsCommandsAndRestoresTheTerminal) {
  termios during{};
  ASSERT_EQ(::tcgetattr(terminal_, &during), 0);
  EXPECT_EQ(during.c_lflag & (ICANON | ECHO), 0U);
  type("show drops\r");
  wait_for("unknown_vni");
  wait_for("test> ");
  type("quit\r");
  finish();
  EXPECT_EQ(code_, ExitCode::kGood);
  termios after{};
  ASSERT_EQ(::tcgetattr(terminal_, &after), 0);
  EXPECT_EQ(after.c_lflag, before_.c_lflag);
  EXPECT_EQ(after.c_iflag, before_.c_iflag);
}

TEST_F(Interactive, TabCompletesKeywordsAndLiveNames) {
  type("sho\tpo\tg\t\r");
  wait_for("PORT");
  wait_for("green-1");
  wait_for("test> ");
}

TEST_F(Interactive, TabListsChoices) {
  type("show d\t");
  wait_for("dhcp");
  wait_for("drops");
  wait_for("test> ");
  wait_for("show d");
}

TEST_F(Interactive, QuestionMarkHelpsInContext) {
  type("show port ?");
  wait_for("ID");
  wait_for("green-1");
  wait_for("--json");
  wait_for("show port ");
}

TEST_F(Interactive, ErrorsPointAtTheWord) {
  type("show prt\r");
  wait_for("     ^ \"prt\": expected one of");
  wait_for("test> ");
}

TEST_F(Interactive, HistoryBringsLinesBack) {
  type("show drops | grep vni\r");
  wait_for("test> ");
  type("\x1b[A");
  wait_for("show drops | grep vni");
}

TEST_F(Interactive, ControlCCancelsTheLine) {
  type("show prt\x03");
  wait_for("test> ");
  type("show drops\r");
  wait_for("unknown_vni");
  EXPECT_THAT(seen_, Not(HasSubstr("prt")));
}

TEST_F(Interactive, ControlCEndsAWatch) {
  type("watch 0.1 show drops\r");
  wait_for("unknown_vni");
  wait_for("unknown_vni");
  type("\x03");
  wait_for("test> ");
}

TEST_F(Interactive, ControlDLeaves) {
  type("\x04");
  finish();
  EXPECT_EQ(code_, ExitCode::kGood);
}

TEST_F(Interactive, NoiseOnTheKeyboardHarmsNothing) {
  std::string noise;
  for (int round = 0; round < 20; ++round) {
    for (int byte = 1; byte < 256; ++byte) {
      if (byte != 4) {  // Ctrl-D would leave
        noise += static_cast<char>(
            (byte * 7 + round * 13) % 255 + 1 == 4 ? 'x' : (byte * 7 + round * 13) % 255 + 1);
      }
    }
  }
  for (std::size_t at = 0; at < noise.size(); at += 200) {
    type(noise.substr(at, 200));
    read_some();
  }
  type("\x03");
  type("show drops\r");
  wait_for("unknown_vni");
}

}  // namespace
}  // namespace alkaid::console
