// common/options/usage.h
//
// What a command takes, as parse() checks it and help() shows it. Private to the room; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "common/options/command_line.h"

namespace tributary::options {

// The command's own options, then --config and --set where there are keys, then --help. REQUIRES: the command declares
// none of these itself.
std::vector<Option> all_options(const Command& command, bool has_keys);

// The positional arguments of a command: how many, and how they are shown: "enroll FOLDER NAME...".
struct Usage {
  std::size_t least = 0;
  std::size_t most = 0;
  std::string shown;
};
Usage usage_of(const Command& command);

}  // namespace tributary::options
