// common/base/log.h
//
// One line per event, on standard error: time, level, component, message. Levels: debug, info, warning, error.
// As text, or as a JSON object a line: {"time":...,"level":...,"component":...,"message":...}.
// Any thread. The process-wide level and format are set by main.
#pragma once

#include <string_view>

namespace tributary::log {

enum class Level { Debug, Info, Warning, Error, Off };

// Throws Malformed for a name that is none of debug, info, warning, error, off.
Level level_from(std::string_view name);

void set_level(Level level);
enum class Format { Text, Json };
void set_format(Format format);
void write(Level level, std::string_view component, std::string_view message);

inline void debug(std::string_view component, std::string_view message) {
  write(Level::Debug, component, message);
}
inline void info(std::string_view component, std::string_view message) {
  write(Level::Info, component, message);
}
inline void warning(std::string_view component, std::string_view message) {
  write(Level::Warning, component, message);
}
inline void error(std::string_view component, std::string_view message) {
  write(Level::Error, component, message);
}

}  // namespace tributary::log
