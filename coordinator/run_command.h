// coordinator/run_command.h
//
// tributary-coordinator run: the daemon, from its configuration to its report. Throws what its parts throw.
#pragma once

#include "common/options/command_line.h"
#include "common/options/keys.h"
#include "coordinator/settings.h"

namespace tributary::coordinator {

options::Command run_command();

// `keys` are bound to `settings`. Returns the exit code: 0, or 130 after SIGINT or SIGTERM.
int run(const options::Arguments& arguments, const options::Keys& keys, Settings settings);

}  // namespace tributary::coordinator
