// tests/hostile/board.h
//
// What a test and the processes that it forks tell one another: counters in memory that they share. And the crew: forks
// that end with the test.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <new>
#include <utility>
#include <vector>

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/error.h"

namespace tributary::hostile {

inline std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Zero at first.
struct Board {
  // Of the honest.
  std::atomic<std::uint64_t> holding;  // have a round's offer, and wait to be cut
  std::atomic<std::uint64_t> back;     // have the same offer again
  std::atomic<std::uint64_t> counted;  // updates that they were told count
  std::atomic<std::int64_t> last_back_ns;
  std::atomic<bool> cut;  // from now on: every line at once
  // Of the others.
  std::atomic<std::uint64_t> sent;       // malformed frames, poisoned updates, connections
  std::atomic<std::uint64_t> ended;      // lines that the coordinator ended
  std::atomic<std::uint64_t> refused;    // updates, by a verdict
  std::atomic<std::uint64_t> accepted;   // updates that should not have been
  std::atomic<std::uint64_t> open;       // connections held open now
  std::atomic<std::int64_t> longest_ns;  // that one was held
  std::atomic<bool> stop;
};

inline void raise_to(std::atomic<std::int64_t>& most, std::int64_t value) {
  std::int64_t before = most.load();
  while (before < value && !most.compare_exchange_weak(before, value)) {
  }
}

class SharedBoard {
 public:
  SharedBoard() {
    void* memory = ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    TRIBUTARY_CHECK(memory != MAP_FAILED);
    board_ = new (memory) Board();
  }
  ~SharedBoard() { ::munmap(board_, sizeof(Board)); }
  SharedBoard(const SharedBoard&) = delete;
  SharedBoard& operator=(const SharedBoard&) = delete;
  Board& operator*() const { return *board_; }
  Board* operator->() const { return board_; }

 private:
  Board* board_ = nullptr;
};

class Crew {
 public:
  Crew() = default;
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  ~Crew() {
    for (const pid_t pid : pids_) ::kill(pid, SIGKILL);
    (void)join();
  }
  // Runs `work` in a fork. REQUIRES: this process has one thread.
  template <class Work>
  void start(Work work) {
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    TRIBUTARY_CHECK(pid >= 0);
    if (pid > 0) {
      pids_.push_back(pid);
      return;
    }
    int code = 1;
    try {
      if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent) ::_exit(1);
      work();
      code = 0;
    } catch (const std::exception& e) {
      std::cerr << "a fork of the test: " << e.what() << std::endl;
    }
    ::_exit(code);
  }
  // Waits for all; whether each ended well.
  bool join() {
    bool good = true;
    for (const pid_t pid : std::exchange(pids_, {})) {
      int status = 0;
      ::waitpid(pid, &status, 0);
      good = good && status == 0;
    }
    return good;
  }

 private:
  std::vector<pid_t> pids_;
};

}  // namespace tributary::hostile
