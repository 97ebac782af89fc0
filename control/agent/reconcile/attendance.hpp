// Who may look at the reconciler's state: its thread, and anybody while that thread waits.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

namespace alkaid::agent {

// A data plane that hangs holds the reconciler's thread for as long as a call may take; what is
// known meanwhile can be told all the same. The state belongs to one thread at a time: to the
// reconciler's from the beginning and between come_back() and leave(), to one that looks otherwise.
class Attendance {
 public:
  // Of the reconciler's thread, around what it waits for.
  class Absence {
   public:
    explicit Absence(Attendance& attendance) : attendance_(attendance) { attendance_.leave(); }
    ~Absence() { attendance_.come_back(); }
    Absence(const Absence&) = delete;
    Absence& operator=(const Absence&) = delete;

   private:
    Attendance& attendance_;
  };

  // Any thread: `look` is called once, on this thread or another one, when the state is nobody
  // else's. It must change nothing that the reconciler relies on, and not block.
  void look(std::function<void()> look);

  // The reconciler's thread: shows what others want to see by now.
  void serve();
  // The same, and is gone until it comes back.
  void leave();
  void come_back();

 private:
  void serve(std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable free_;
  std::vector<std::function<void()>> waiting_;
  bool is_taken_ = true;
  bool is_returning_ = false;
};

}  // namespace alkaid::agent
