// simulations/children.h
//
// The processes of a local federation. None of them outlives us: the destructor ends and awaits all, and the kernel
// ends them when we are killed. Each has a process group of its own, so that Ctrl-C on the terminal reaches only us,
// who then stop them in order. One thread (the one that starts children must live as long as they shall).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

#include "common/base/files.h"

namespace tributary::simulation {

struct Exit {
  std::string name;
  int code = 0;    // 128 + number when a signal ended it
  int signal = 0;  // 0: it ended by itself
  std::uint64_t peak_rss_bytes = 0;
};

class Children {
 public:
  Children() = default;
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;
  ~Children();

  // Runs `program` with `arguments`, reading nothing, writing to `log` (replaced). Throws Unavailable: the log cannot
  // be written, no process can be made, the program cannot be run. REQUIRES: `name` is new.
  void start(const std::string& name, const Path& program, const std::vector<std::string>& arguments, const Path& log);

  bool alive(const std::string& name) const { return pids_.contains(name); }
  std::size_t count() const { return pids_.size(); }
  // REQUIRES: alive(name).
  pid_t process(const std::string& name) const { return pids_.at(name); }
  // Those that have ended since the last call. Does not wait.
  std::vector<Exit> reap();
  // To the child and what it started itself.
  void signal(const std::string& name, int number) const;
  void signal_all(int number) const;

 private:
  std::map<std::string, pid_t> pids_;
};

}  // namespace tributary::simulation
