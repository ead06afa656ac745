// simulations/commands.h
//
// What tributary-simulate does: one run, or a sweep of runs. Throws what their parts throw.
#pragma once

#include <string>
#include <vector>

namespace tributary::simulation {

// `words` of the command line, without the program's name. Returns the exit code: 0, or 130 after SIGINT or SIGTERM.
int simulate(const std::vector<std::string>& words);

}  // namespace tributary::simulation
