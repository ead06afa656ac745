// common/options/command_line.h
//
// Command lines and configuration files, on Boost.Program_options, over a table of keys. Any thread.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/options/keys.h"

namespace tributary::options {

// An option of a program that is no key: "--out DIR", "--json". Names without dashes.
struct Option {
  std::string name = {};
  std::string value = {};  // what --help calls its value: "DIR"; empty = a switch without one
  std::string help = {};
  bool repeated = false;
};

// One command of a program ("enroll"), or a program without commands (name empty).
struct Command {
  std::string name = {};
  std::string summary = {};  // what it does, a sentence
  // Names of what follows: {"NAME"}. "FILE..." takes one or more, "[FILE]" none or one, "[FILE...]" any number; what
  // takes several or none comes last.
  std::vector<std::string> positional = {};
  std::vector<Option> options = {};  // --help is added to each; --config and --set where there are keys
  std::string examples = {};         // shown at the end of --help, commands as a user types them
};

struct Arguments {
  std::vector<std::string> positional;
  std::map<std::string, std::vector<std::string>> options;  // given ones only

  bool has(std::string_view option) const;
  // The (last) value, or `fallback`.
  std::string get(std::string_view option, std::string_view fallback = "") const;
};

// Parses `words` (without program and command names) by `command`; keys go to `keys` (may be null): first those of
// --config FILE (files in the order given), then --set key=value and --key=value in order of the line, so that the line
// wins. An option's value is never empty, and one that is not `repeated` is given at most once; "--key=" sets a key to
// the empty text. Returns nullopt when --help (or -h) was asked: the caller prints help(). Throws Malformed: unknown
// option (naming the nearest), missing or superfluous value or argument, what read_config and Keys::set throw;
// Unavailable: a file that cannot be read. Nothing is set when the line itself is wrong; keys set before a fault stay.
std::optional<Arguments> parse(const Command& command, Keys* keys, const std::vector<std::string>& words);

// What --help prints: usage, arguments, options, keys grouped by their first part, examples. `width` in columns.
std::string help(std::string_view program, const Command& command, const Keys* keys, std::size_t width = 100);
// For a program of several commands.
std::string help(std::string_view program, std::string_view summary, const std::vector<Command>& commands);

// Reads an INI file into `keys`: "[section]" and "key = value", spaces around either do not matter, a value may hold
// some. A ';' at the start of a line and a '#' there or after a space begin a comment. Throws Malformed naming file and
// line (no key, a key given twice, what Keys::set throws); Unavailable; Overloaded above 1 MiB. Keys before a fault
// stay set.
void read_config(const Path& file, Keys& keys);

// The shape of every main(): runs `body`, translates an Error (and any other exception) to one line on standard error,
// "PROGRAM: message", and an exit code: 0, 1 for what failed, 2 for what the user wrote wrongly (Malformed, Unsupported
// and Refused), 130 after an interrupt.
int run_main(std::string_view program, const std::function<int()>& body);

// The main of a program of several commands: gives the index of the one that the first word names, and the words behind
// it, to `run`, and its exit code back. Prints help(program, summary, commands) for --help (0), and on standard error
// for no words at all (2). Throws Malformed, naming the nearest, for a command that there is not.
using RunCommand = std::function<int(std::size_t command, const std::vector<std::string>& words)>;
int run_command(std::string_view program, std::string_view summary, const std::vector<Command>& commands,
                const std::vector<std::string>& words, const RunCommand& run);

}  // namespace tributary::options
