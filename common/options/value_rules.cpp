#include "common/options/value_rules.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/options/wording.h"

namespace tributary::options {

namespace {

[[noreturn]] void must_be(const std::string& what) {
  fail(Error::Kind::Malformed, "must be " + what);
}

std::string within(const std::string& what, Range range) {
  const bool low = std::isfinite(range.low);
  const bool high = std::isfinite(range.high);
  if (low && high) return what + " from " + print_number(range.low) + " to " + print_number(range.high);
  if (low) return what + " of at least " + print_number(range.low);
  if (high) return what + " of at most " + print_number(range.high);
  return what;
}

}  // namespace

double read_number(std::string_view text, Range range) {
  const auto value = parse_double(trim(text));
  if (!value || *value < range.low || *value > range.high) must_be(within("a number", range));
  return *value;
}

std::string print_number(double value) {
  constexpr double kPlain = 1e15;
  if (std::trunc(value) == value && std::abs(value) < kPlain) return std::to_string(static_cast<std::int64_t>(value));
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

std::uint64_t read_count(std::string_view text, Range range, std::uint64_t largest) {
  constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();
  const auto value = parse_int(trim(text));
  if (value && *value >= 0 && static_cast<std::uint64_t>(*value) <= largest &&
      static_cast<double>(*value) >= range.low && static_cast<double>(*value) <= range.high)
    return static_cast<std::uint64_t>(*value);
  range.low = std::max(range.low, 0.0);
  if (largest < kLargest) range.high = std::min(range.high, static_cast<double>(largest));
  must_be(within("a whole number", range) + (std::isfinite(range.high) ? "" : ", below 2^63"));
}

bool read_flag(std::string_view text) {
  const std::string_view word = trim(text);
  for (const std::string_view yes : {"yes", "true", "on", "1"}) {
    if (word == yes) return true;
  }
  for (const std::string_view no : {"no", "false", "off", "0"}) {
    if (word == no) return false;
  }
  must_be("yes or no");
}

std::string read_choice(std::string_view text, const std::vector<std::string>& choices) {
  const std::string word(trim(text));
  if (std::find(choices.begin(), choices.end(), word) != choices.end()) return word;
  const std::string known = "one of " + joined(choices, ", ");
  const auto meant = nearest(word, choices);
  must_be(known + (meant ? " (is \"" + *meant + "\" meant?)" : ""));
}

char read_character(std::string_view text) {
  if (text == "tab") return '\t';
  if (text.size() != 1) must_be("one character, or \"tab\"");
  return text.front();
}

std::string print_character(char value) {
  return value == '\t' ? "tab" : std::string(1, value);
}

std::vector<std::string> read_list(std::string_view text) {
  std::vector<std::string> list;
  if (trim(text).empty()) return list;
  for (const std::string_view part : split(text, ',')) {
    list.emplace_back(trim(part));
    if (list.back().empty()) must_be("texts between commas, none of them empty");
  }
  return list;
}

std::vector<std::int64_t> read_shape(std::string_view text) {
  std::vector<std::int64_t> shape;
  if (trim(text).empty()) return shape;
  for (const std::string_view part : split(text, ',')) {
    const auto extent = parse_int(trim(part));
    if (!extent || *extent < 1) must_be("whole numbers of at least 1 between commas, such as 1,28,28");
    shape.push_back(*extent);
  }
  return shape;
}

std::string print_shape(const std::vector<std::int64_t>& shape) {
  std::vector<std::string> parts;
  for (const std::int64_t extent : shape) parts.push_back(std::to_string(extent));
  return joined(parts, ",");
}

}  // namespace tributary::options
