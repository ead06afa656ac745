// coordinator/run_command.h
//
// tributary-coordinator run: the daemon, from its configuration to its report. Throws what its parts throw.
#pragma once

#include <functional>

#include "common/options/command_line.h"
#include "common/options/keys.h"
#include "common/options/log_keys.h"
#include "coordinator/admin/listener.h"
#include "coordinator/settings.h"

namespace tributary::coordinator {

options::Command run_command();

// What is not the run's own: who may look at it, and what is logged.
struct Surroundings {
  AdminSettings admin;
  options::LogSettings log;
};
void bind(options::Keys& keys, Surroundings& surroundings);

// `keys` are bound to `settings` and `surroundings`. `reread` gives the log settings as the command line and its files
// have them now; throws what options::parse throws. Returns the exit code: 0, or 130 after SIGINT or SIGTERM.
int run(const options::Arguments& arguments, const options::Keys& keys, Settings settings,
        const Surroundings& surroundings, const std::function<options::LogSettings()>& reread);

}  // namespace tributary::coordinator
