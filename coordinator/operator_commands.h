// coordinator/operator_commands.h
//
// The commands of tributary-coordinator by which an operator says who belongs to the federation: init, enroll, revoke,
// enrolled. Each prints what it did and returns the exit code. One thread; throws what pki.h says.
#pragma once

#include "common/options/command_line.h"

namespace tributary::coordinator {

options::Command init_command();
int init(const options::Arguments& arguments);

options::Command enroll_command();
int enroll(const options::Arguments& arguments);

options::Command revoke_command();
int revoke(const options::Arguments& arguments);

options::Command enrolled_command();
int enrolled(const options::Arguments& arguments);

}  // namespace tributary::coordinator
