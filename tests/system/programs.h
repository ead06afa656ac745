// tests/system/programs.h
//
// The programs as a user runs them: commands in a folder of their own, and what they print.
#pragma once

#include <string>
#include <vector>

#include "common/base/files.h"
#include "simulations/children.h"

namespace tributary::testing {

struct Said {
  int code = 0;
  std::string text;  // standard output and error
};

// Words as a shell splits them: by spaces, with '...' around what holds some.
std::vector<std::string> words_of(const std::string& line);

// A folder that goes away with the test, in which the programs run and from which their paths are told.
class Workplace {
 public:
  Workplace();
  ~Workplace();
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;

  const Path& path() const { return path_; }
  Path operator/(const std::string& name) const { return path_ / name; }
  void write(const std::string& name, std::string_view content) const;

  // Runs "tributary-... words" in the folder and waits for its end, at most a minute.
  Said run(const std::string& line) const;
  // Starts it in the background under `name`; its output goes to NAME.log.
  void start(const std::string& name, const std::string& line);
  void signal(const std::string& name, int number) { children_.signal(name, number); }
  bool alive(const std::string& name);
  // Waits for its end, at most two minutes; its exit code.
  int wait(const std::string& name);
  // Waits until `name`'s output holds `text`; throws Unavailable, with the output, when it ended without, or after two
  // minutes.
  void wait_for(const std::string& name, const std::string& text);
  std::string log(const std::string& name) const;
  // What `file` holds once it is there.
  std::string await_file(const std::string& file) const;

 private:
  void reap();

  Path path_;
  simulation::Children children_;
  std::map<std::string, int> codes_;
};

}  // namespace tributary::testing
