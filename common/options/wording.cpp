#include "common/options/wording.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "common/base/text.h"

namespace tributary::options {

namespace {

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

std::string_view last_part(std::string_view name) {
  return name.substr(name.find_last_of(".-") + 1);
}

}  // namespace

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kLongest = 60;
  std::size_t length = text.size();
  if (length > kLongest) {
    length = kLongest;
    while (length > 0 && continues_character(text[length])) --length;
  }
  std::string result = "\"";
  for (const char c : text.substr(0, length)) result += is_control(c) ? '?' : c;
  return result + (length < text.size() ? "...\"" : "\"");
}

std::string one_line(std::string_view text) {
  std::string result(text);
  std::replace_if(result.begin(), result.end(), is_control, ' ');
  return result;
}

std::string suggestion(std::string_view name, std::span<const std::string> known, std::string_view otherwise) {
  std::vector<std::string> alike;  // right but for the section
  std::copy_if(known.begin(), known.end(), std::back_inserter(alike),
               [&](const std::string& other) { return last_part(other) == last_part(name); });
  std::optional<std::string> meant = nearest(name, alike);
  if (!meant && !alike.empty()) meant = alike.front();
  if (!meant) meant = nearest(name, known);
  return meant ? "is \"" + *meant + "\" meant?" : std::string(otherwise);
}

std::string joined(std::span<const std::string> parts, std::string_view between) {
  std::string result;
  for (const std::string& part : parts) {
    if (!result.empty()) result += between;
    result += part;
  }
  return result;
}

std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues_character(c); }));
}

std::string left_aligned(std::string_view text, std::size_t width) {
  const std::size_t taken = columns(text);
  return std::string(text) + std::string(taken < width ? width - taken : 0, ' ');
}

std::string right_aligned(std::string_view text, std::size_t width) {
  const std::size_t taken = columns(text);
  return std::string(taken < width ? width - taken : 0, ' ') + std::string(text);
}

std::string cut(std::string_view text, std::size_t width) {
  std::size_t end = 0;
  for (std::size_t taken = 0; end < text.size(); ++end) {
    if (!continues_character(text[end]) && ++taken > width) break;
  }
  return std::string(text.substr(0, end));
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  std::string line;
  for (const std::string_view word : split(text, ' ')) {
    if (word.empty()) continue;
    if (!line.empty() && columns(line) + 1 + columns(word) > width) {
      lines.push_back(std::move(line));
      line.clear();
    }
    if (!line.empty()) line += ' ';
    line += word;
  }
  if (!line.empty() || lines.empty()) lines.push_back(std::move(line));
  return lines;
}

}  // namespace tributary::options
