#include "common/options/command_line.h"

#include <algorithm>
#include <utility>

#include <boost/program_options.hpp>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/options/usage.h"
#include "common/options/wording.h"

namespace tributary::options {

namespace {

namespace po = boost::program_options;

[[noreturn]] void malformed(const std::string& message) {
  fail(Error::Kind::Malformed, message);
}

// What a command line says of one key.
struct Assignment {
  std::string key;
  std::string value;
  std::string origin;
};

struct Line {
  Arguments arguments;
  std::vector<Assignment> assignments;
};

bool asks_for_help(const std::vector<std::string>& words) {
  const auto end = std::find(words.begin(), words.end(), "--");
  return std::any_of(words.begin(), end, [](const std::string& word) { return word == "--help" || word == "-h"; });
}

const Option* find(const std::vector<Option>& options, std::string_view name) {
  const auto found = std::find_if(options.begin(), options.end(), [&](const Option& o) { return o.name == name; });
  return found == options.end() ? nullptr : &*found;
}

std::string shown_value(const std::vector<Option>& options, const std::string& name) {
  const Option* option = find(options, name);
  return option == nullptr ? "VALUE" : option->value;
}

po::options_description described(const std::vector<Option>& options, const Keys* keys) {
  po::options_description description;
  for (const Option& option : options) {
    TRIBUTARY_CHECK(keys == nullptr || !keys->has(option.name));
    if (option.value.empty()) {
      description.add_options()(option.name.c_str(), option.help.c_str());
    } else {
      description.add_options()(option.name.c_str(), po::value<std::string>());
    }
  }
  if (keys == nullptr) return description;
  for (const KeyInfo& key : keys->list()) description.add_options()(key.name.c_str(), po::value<std::string>());
  return description;
}

// "--key=" sets a key to the empty text, which Boost alone refuses.
std::vector<po::option> empty_value(std::vector<std::string>& words, const Keys* keys) {
  const std::string& word = words.front();
  if (keys == nullptr || word.size() < 4 || !word.starts_with("--") || word.find('=') != word.size() - 1) return {};
  const std::string key = word.substr(2, word.size() - 3);
  if (!keys->has(key)) return {};
  po::option option(key, {""});
  option.original_tokens = {word};
  words.erase(words.begin());
  return {option};
}

[[noreturn]] void refuse_unknown(std::string_view given, const std::vector<Option>& options, const Keys* keys) {
  std::vector<std::string> known;
  for (const Option& option : options) known.push_back("--" + option.name);
  if (keys != nullptr) {
    for (const KeyInfo& key : keys->list()) known.push_back("--" + key.name);
  }
  malformed("unknown option " + in_quotes(given) + ": " + suggestion(given, known, "--help lists the options"));
}

[[noreturn]] void refuse_syntax(const po::invalid_command_line_syntax& error, const std::vector<Option>& options,
                                const Keys* keys) {
  const std::string shown = error.get_option_name();
  const std::string name = shown.substr(std::min<std::size_t>(2, shown.size()));
  if (find(options, name) == nullptr && (keys == nullptr || !keys->has(name))) refuse_unknown(shown, options, keys);
  const std::string value = shown_value(options, name);
  switch (error.kind()) {
    case po::invalid_syntax::missing_parameter:
      malformed(shown + " needs a value: write " + shown + " " + value);
    case po::invalid_syntax::empty_adjacent_parameter:
      malformed(shown + " needs a value: write " + shown + "=" + value);
    case po::invalid_syntax::extra_parameter:
      malformed(shown + " takes no value: write " + shown + " alone");
    default:
      malformed(one_line(error.what()) + ": see --help");
  }
}

std::vector<po::option> tokens(const std::vector<std::string>& words, const std::vector<Option>& options,
                               const Keys* keys) {
  using namespace po::command_line_style;
  const po::options_description description = described(options, keys);
  try {
    return po::command_line_parser(words)
        .options(description)
        .style(allow_long | allow_short | allow_dash_for_short | short_allow_next | long_allow_adjacent |
               long_allow_next)
        .extra_style_parser([keys](std::vector<std::string>& rest) { return empty_value(rest, keys); })
        .allow_unregistered()
        .run()
        .options;
  } catch (const po::invalid_command_line_syntax& error) {
    refuse_syntax(error, options, keys);
  } catch (const po::error& error) {
    malformed(one_line(error.what()) + ": see --help");
  }
}

// An option whose value was forgotten must not swallow the next option.
void check_not_swallowed(const po::option& token, const std::vector<Option>& options) {
  const std::vector<std::string>& words = token.original_tokens;
  if (words.size() < 2 || !words[1].starts_with("--")) return;
  const std::string value = shown_value(options, token.string_key);
  malformed(words[0] + " needs a value, but " + in_quotes(words[1]) + " follows: write " + words[0] + " " + value +
            ", or " + words[0] + "=... for a value that begins with --");
}

Assignment assignment(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) malformed("--set " + in_quotes(text) + ": has no \"=\": write --set KEY=VALUE");
  return {std::string(trim(std::string_view(text).substr(0, equals))), text.substr(equals + 1), "--set"};
}

void take(const po::option& token, const std::vector<Option>& options, const Keys* keys, Line& line) {
  if (token.string_key.empty()) {
    line.arguments.positional.insert(line.arguments.positional.end(), token.value.begin(), token.value.end());
    return;
  }
  if (token.unregistered) {
    const std::string word = token.original_tokens.empty() ? token.string_key : token.original_tokens.front();
    refuse_unknown(word.substr(0, word.find('=')), options, keys);
  }
  check_not_swallowed(token, options);
  const Option* option = find(options, token.string_key);
  const std::string value = token.value.empty() ? "" : token.value.front();
  if (option == nullptr) {
    line.assignments.push_back({token.string_key, value, "command line"});
    return;
  }
  if (value.empty() && !option->value.empty())
    malformed("--" + option->name + " needs a value: write --" + option->name + " " + option->value);
  std::vector<std::string>& values = line.arguments.options[option->name];
  if (!values.empty() && !option->repeated) malformed("--" + option->name + " is given twice: give it once");
  values.push_back(value);
  if (keys != nullptr && option->name == "set") line.assignments.push_back(assignment(value));
}

void check_positional(const Command& command, const std::vector<std::string>& given, const Keys* keys) {
  const Usage usage = usage_of(command);
  if (given.size() < usage.least) {
    const std::string& missing = command.positional[given.size()];
    malformed(missing.substr(0, missing.find("...")) + " is missing: write " + usage.shown + ", see --help");
  }
  if (given.size() <= usage.most) return;
  const std::string& extra = given[usage.most];
  const std::string key = extra.substr(0, extra.find('='));
  const bool is_key = keys != nullptr && key != extra && keys->has(key);
  const std::string all = usage.shown.empty() ? "options only" : usage.shown + " and options only";
  malformed("superfluous argument " + in_quotes(extra) + ": write " + (is_key ? "--" + key + "=..." : all));
}

}  // namespace

bool Arguments::has(std::string_view option) const {
  return options.contains(std::string(option));
}

std::string Arguments::get(std::string_view option, std::string_view fallback) const {
  const auto found = options.find(std::string(option));
  return found == options.end() ? std::string(fallback) : found->second.back();
}

std::optional<Arguments> parse(const Command& command, Keys* keys, const std::vector<std::string>& words) {
  if (asks_for_help(words)) return std::nullopt;
  const std::vector<Option> options = all_options(command, keys != nullptr);
  Line line;
  for (const po::option& token : tokens(words, options, keys)) take(token, options, keys, line);
  check_positional(command, line.arguments.positional, keys);
  if (keys == nullptr) return line.arguments;
  if (line.arguments.has("config")) {
    for (const std::string& file : line.arguments.options.at("config")) read_config(file, *keys);
  }
  for (const Assignment& a : line.assignments) keys->set(a.key, a.value, a.origin);
  return line.arguments;
}

}  // namespace tributary::options
