// common/options/log_keys.h
//
// The keys "log.*" of a daemon: what is logged, and how. One thread.
#pragma once

#include <string>

#include "common/options/keys.h"

namespace tributary::options {

struct LogSettings {
  std::string level = "info";   // log.level: debug, info, warning, error, off
  std::string format = "text";  // log.format: text, json
};

void bind_log(Keys& keys, LogSettings& settings);
// From the next line on, for the whole process.
void apply(const LogSettings& settings);

}  // namespace tributary::options
