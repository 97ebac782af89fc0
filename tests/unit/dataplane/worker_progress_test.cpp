#include "dataplane/control/worker_progress.hpp"

#include <array>

#include <gtest/gtest.h>

namespace alkaid {
namespace {

using Walks = std::array<std::uint64_t, 2>;

TEST(WorkerProgress, WantsEveryWorkerToGoOn) {
  WorkerProgress progress;
  EXPECT_TRUE(progress.all_moved(Walks{5, 7}));
  EXPECT_FALSE(progress.all_moved(Walks{5, 7}));
  EXPECT_FALSE(progress.all_moved(Walks{6, 7}));
  EXPECT_TRUE(progress.all_moved(Walks{6, 8}));
}

TEST(WorkerProgress, AStuckWorkerIsNotForgotten) {
  WorkerProgress progress;
  EXPECT_TRUE(progress.all_moved(Walks{1, 1}));
  for (std::uint64_t walks = 2; walks < 100; ++walks) {
    EXPECT_FALSE(progress.all_moved(Walks{walks, 1}));
  }
}

}  // namespace
}  // namespace alkaid
