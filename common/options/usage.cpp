#include "common/options/usage.h"

#include <algorithm>
#include <limits>

#include "common/base/error.h"

namespace tributary::options {

std::vector<Option> all_options(const Command& command, bool has_keys) {
  std::vector<Option> options = command.options;
  if (has_keys) {
    options.push_back({"config", "FILE", "read keys from an INI file; what the command line sets wins", true});
    options.push_back({"set", "KEY=VALUE", "set a key, as --KEY=VALUE does", true});
  }
  options.push_back({"help", "", "show this help", false});
  for (auto option = options.begin(); option != options.end(); ++option) {
    TRIBUTARY_CHECK(std::none_of(options.begin(), option, [&](const Option& o) { return o.name == option->name; }));
  }
  return options;
}

Usage usage_of(const Command& command) {
  Usage usage{.shown = command.name};
  for (const std::string& name : command.positional) {
    const bool optional = name.starts_with('[');
    const bool any_number = name.find("...") != std::string::npos;
    if (!optional) ++usage.least;
    usage.most = any_number ? std::numeric_limits<std::size_t>::max() : usage.most + 1;
    usage.shown += (usage.shown.empty() ? "" : " ") + name;
  }
  return usage;
}

}  // namespace tributary::options
