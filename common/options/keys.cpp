#include "common/options/keys.h"

#include <map>
#include <utility>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/options/value_rules.h"
#include "common/options/wording.h"

namespace tributary::options {

namespace {

struct Entry {
  KeyInfo info;
  std::function<void(std::string_view)> assign;
  std::function<std::string()> print;
  bool was_set = false;
};

bool is_key_name(std::string_view name) {
  return !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.") == std::string_view::npos &&
         name.front() != '.' && name.back() != '.';
}

// What prints must parse, the default first of all.
void check_default(const std::function<void(std::string_view)>& parse, const std::string& default_text) {
  bool parses = true;
  try {
    parse(default_text);
  } catch (const Error&) {
    parses = false;
  }
  TRIBUTARY_CHECK(parses);
}

template <class Count>
void declare_count(Keys& keys, std::string name, Count& target, Range range, std::string help) {
  const auto read = [range](std::string_view text) {
    return static_cast<Count>(read_count(text, range, std::numeric_limits<Count>::max()));
  };
  keys.custom(
      std::move(name), "count", [&target, read](std::string_view text) { target = read(text); },
      [&target] { return std::to_string(target); }, std::move(help));
}

}  // namespace

struct Keys::State {
  std::vector<Entry> entries;
  std::map<std::string, std::size_t, std::less<>> index;

  const Entry& at(std::string_view key) const {
    const auto found = index.find(key);
    TRIBUTARY_CHECK(found != index.end());
    return entries[found->second];
  }
};

Keys::Keys() : state_(std::make_unique<State>()) {}
Keys::~Keys() = default;

void Keys::number(std::string name, double& target, Range range, std::string help) {
  custom(
      std::move(name), "number", [&target, range](std::string_view text) { target = read_number(text, range); },
      [&target] { return print_number(target); }, std::move(help));
}

void Keys::count(std::string name, std::uint64_t& target, Range range, std::string help) {
  declare_count(*this, std::move(name), target, range, std::move(help));
}

void Keys::count(std::string name, std::uint32_t& target, Range range, std::string help) {
  declare_count(*this, std::move(name), target, range, std::move(help));
}

void Keys::flag(std::string name, bool& target, std::string help) {
  custom(
      std::move(name), "yes|no", [&target](std::string_view text) { target = read_flag(text); },
      [&target] { return std::string(target ? "yes" : "no"); }, std::move(help));
}

void Keys::text(std::string name, std::string& target, std::string help) {
  custom(
      std::move(name), "text", [&target](std::string_view text) { target = text; }, [&target] { return target; },
      std::move(help));
}

void Keys::path(std::string name, Path& target, std::string help) {
  custom(
      std::move(name), "path", [&target](std::string_view text) { target = Path(text); },
      [&target] { return target.string(); }, std::move(help));
}

void Keys::choice(std::string name, std::string& target, std::vector<std::string> choices, std::string help) {
  std::string kind = joined(choices, "|");
  custom(
      std::move(name), std::move(kind),
      [&target, choices = std::move(choices)](std::string_view text) { target = read_choice(text, choices); },
      [&target] { return target; }, std::move(help));
}

void Keys::custom(std::string name, std::string kind, std::function<void(std::string_view)> parse,
                  std::function<std::string()> print, std::string help) {
  TRIBUTARY_CHECK(is_key_name(name));
  TRIBUTARY_CHECK(!has(name));
  state_->index.emplace(name, state_->entries.size());
  std::string default_text = print();
  check_default(parse, default_text);
  state_->entries.push_back({.info = {std::move(name), std::move(kind), std::move(default_text), std::move(help)},
                             .assign = std::move(parse),
                             .print = std::move(print)});
}

void Keys::set(std::string_view key, std::string_view value, std::string_view origin) {
  const std::string head = std::string(origin) + ": ";
  const auto found = state_->index.find(key);
  if (found == state_->index.end()) {
    std::vector<std::string> known;
    for (const Entry& entry : state_->entries) known.push_back(entry.info.name);
    fail(Error::Kind::Malformed,
         head + "unknown key " + in_quotes(key) + ": " + suggestion(key, known, "--help lists the keys"));
  }
  Entry& entry = state_->entries[found->second];
  try {
    entry.assign(value);
  } catch (const Error& error) {
    fail(error.kind(), head + entry.info.name + " = " + in_quotes(value) + ": " + error.what());
  }
  entry.was_set = true;
}

bool Keys::has(std::string_view key) const {
  return state_->index.contains(key);
}

bool Keys::was_set(std::string_view key) const {
  const auto found = state_->index.find(key);
  return found != state_->index.end() && state_->entries[found->second].was_set;
}

std::string Keys::value(std::string_view key) const {
  return state_->at(key).print();
}

std::vector<KeyInfo> Keys::list() const {
  std::vector<KeyInfo> list;
  for (const Entry& entry : state_->entries) list.push_back(entry.info);
  return list;
}

}  // namespace tributary::options
