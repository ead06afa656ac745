// coordinator/inspect_command.h
//
// tributary-coordinator inspect: what a run's store holds, and whether all of it is whole. One thread.
#pragma once

#include "common/options/command_line.h"

namespace tributary::coordinator {

options::Command inspect_command();
// Returns 1, and names what is damaged, when something is.
int inspect(const options::Arguments& arguments);

}  // namespace tributary::coordinator
