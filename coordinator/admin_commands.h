// coordinator/admin_commands.h
//
// The commands of tributary-coordinator that speak to a running daemon over its admin listener: status, participants,
// rounds, pause, resume, checkpoint. Each prints what it heard and returns the exit code. One thread; throws what
// http::call throws, and Refused when the daemon refuses.
#pragma once

#include "common/options/command_line.h"

namespace tributary::coordinator {

options::Command status_command();
int status(const options::Arguments& arguments);

options::Command participants_command();
int participants(const options::Arguments& arguments);

options::Command rounds_command();
int rounds(const options::Arguments& arguments);

options::Command pause_command();
int pause(const options::Arguments& arguments);

options::Command resume_command();
int resume(const options::Arguments& arguments);

options::Command checkpoint_command();
int checkpoint(const options::Arguments& arguments);

}  // namespace tributary::coordinator
