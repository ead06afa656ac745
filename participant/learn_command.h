// participant/learn_command.h
//
// tributary-participant learn: one learner on one stream, without a federation. For the program.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/options/command_line.h"

namespace tributary::participant {

// As parse() and help() take it.
options::Command learn_command();

// `words`: those behind "learn". The exit code: 0, or 1 when the parameters became inf or nan. Throws as every command
// does.
int run_learn(std::string_view program, const std::vector<std::string>& words);

}  // namespace tributary::participant
