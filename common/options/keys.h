// common/options/keys.h
//
// The configuration keys of a program: one table of names, types, ranges, defaults and help, bound to the fields of the
// program's settings. A key is the same on the command line (--round.cohort=10), in a file ([round] cohort = 10) and in
// --set round.cohort=10, and every way ends in Keys::set(). A component offers `bind(Keys&, Settings&)` beside its
// settings; main composes them.
//
// A Keys object belongs to one thread and keeps pointers into the settings: they must outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/files.h"

namespace tributary::options {

struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

// What --help and reports show of a key.
struct KeyInfo {
  std::string name;          // "round.cohort"
  std::string kind;          // "number", "count", "yes|no", "text", "path", "a|b|c"
  std::string default_text;  // value at declaration
  std::string help;          // one line, without a full stop; begins in lower case; unit and range where they matter
};

class Keys {
 public:
  Keys();
  ~Keys();
  Keys(const Keys&) = delete;
  Keys& operator=(const Keys&) = delete;

  // Each declares a key whose default is the target's present value. REQUIRES: the name is new, of lower case, digits,
  // '_' and '.'; the default is a value that set() takes.
  void number(std::string name, double& target, Range range, std::string help);
  void count(std::string name, std::uint64_t& target, Range range, std::string help);
  void count(std::string name, std::uint32_t& target, Range range, std::string help);
  void flag(std::string name, bool& target, std::string help);  // yes/no, true/false, on/off, 1/0
  void text(std::string name, std::string& target, std::string help);
  void path(std::string name, Path& target, std::string help);  // relative to the current directory, from a file too
  void choice(std::string name, std::string& target, std::vector<std::string> choices, std::string help);
  // A value with a grammar of its own. `parse` throws Error Malformed whose message says what is allowed; `print` gives
  // a text that parse() takes.
  void custom(std::string name, std::string kind, std::function<void(std::string_view)> parse,
              std::function<std::string()> print, std::string help);

  // Sets a key. Spaces around a number, count, flag or choice do not matter; a text, path or custom value is taken as
  // it is, and may be empty where that means something. `origin` ("--set", "fleet.conf") heads the message. Throws
  // Malformed: unknown key (naming the nearest one), a value that does not parse or is out of range (naming key, value,
  // and what is allowed). Nothing changes then.
  void set(std::string_view key, std::string_view value, std::string_view origin);

  bool has(std::string_view key) const;
  bool was_set(std::string_view key) const;
  // The present value as set() takes it. REQUIRES: has(key).
  std::string value(std::string_view key) const;
  // In order of declaration.
  std::vector<KeyInfo> list() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tributary::options
