#include "common/base/log.h"

#include <atomic>
#include <string>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "common/base/error.h"

namespace tributary::log {

namespace {

constexpr const char* kTextPattern = "%Y-%m-%dT%H:%M:%S.%e %l %v";
// The rest of the object is in the message.
constexpr const char* kJsonPattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})";

std::atomic<Format> format_now = Format::Text;

// As a JSON string, with its quotes; what is no printable ASCII or UTF-8 lead or tail stays as it is.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  return out + '"';
}

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("tributary", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern(kTextPattern);
    made->flush_on(spdlog::level::info);
    return made;
  }();
  return *instance;
}

spdlog::level::level_enum translate(Level level) {
  switch (level) {
    case Level::Debug:
      return spdlog::level::debug;
    case Level::Info:
      return spdlog::level::info;
    case Level::Warning:
      return spdlog::level::warn;
    case Level::Error:
      return spdlog::level::err;
    case Level::Off:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

}  // namespace

Level level_from(std::string_view name) {
  if (name == "debug") return Level::Debug;
  if (name == "info") return Level::Info;
  if (name == "warning") return Level::Warning;
  if (name == "error") return Level::Error;
  if (name == "off") return Level::Off;
  fail(Error::Kind::Malformed, "log level '" + std::string(name) + "' is none of debug, info, warning, error, off");
}

void set_level(Level level) {
  logger().set_level(translate(level));
}

void set_format(Format format) {
  format_now = format;
  logger().set_pattern(format == Format::Json ? kJsonPattern : kTextPattern);
}

void write(Level level, std::string_view component, std::string_view message) {
  if (format_now == Format::Json) {
    if (logger().should_log(translate(level)))
      logger().log(translate(level), "\"component\":{},\"message\":{}", quoted(component), quoted(message));
    return;
  }
  logger().log(translate(level), "{}: {}", component, message);
}

}  // namespace tributary::log
