#include "common/options/log_keys.h"

#include "common/base/log.h"

namespace tributary::options {

void bind_log(Keys& keys, LogSettings& settings) {
  keys.choice("log.level", settings.level, {"debug", "info", "warning", "error", "off"},
              "least level that is logged; read again on SIGHUP");
  keys.choice("log.format", settings.format, {"text", "json"}, "lines of text, or a JSON object a line");
}

void apply(const LogSettings& settings) {
  log::set_level(log::level_from(settings.level));
  log::set_format(settings.format == "json" ? log::Format::Json : log::Format::Text);
}

}  // namespace tributary::options
