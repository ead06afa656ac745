#include <map>
#include <sstream>

#include <boost/program_options.hpp>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/options/command_line.h"
#include "common/options/wording.h"

namespace tributary::options {

namespace {

namespace po = boost::program_options;

constexpr std::uint64_t kMaxConfigBytes = 1u << 20;

[[noreturn]] void fail_line(const Path& file, std::size_t line, const std::string& what) {
  fail(Error::Kind::Malformed, file.string() + ":" + std::to_string(line) + ": " + what);
}

// Boost knows no lines: so the text is made plain for it, and the lines that hold keys are counted here.
struct PlainText {
  std::string text;                    // without ';' comments
  std::vector<std::size_t> key_lines;  // numbers of the lines with keys, from 1, in order
};

// Cuts a comment: ';' at the start of a line, '#' there or after a space. A '#' within a word would be taken for a
// comment by Boost, and half a path or name be read without a word.
std::string_view without_comment(std::string_view line, const Path& file, std::size_t number) {
  line = trim(line);
  if (line.starts_with(';')) return {};
  const std::size_t hash = line.find('#');
  if (hash == std::string_view::npos) return line;
  if (hash > 0 && line[hash - 1] != ' ' && line[hash - 1] != '\t' && line[hash - 1] != '=') {
    fail_line(file, number, "\"#\" begins a comment: put a space before it, or give a value that holds one by --set");
  }
  return trim(line.substr(0, hash));
}

void check_section(std::string_view line, const Path& file, std::size_t number) {
  if (!line.ends_with(']')) fail_line(file, number, in_quotes(line) + ": a section must end with \"]\"");
  const std::string_view name = line.substr(1, line.size() - 2);
  if (name.empty() || name != trim(name) || name.ends_with('.') ||
      name.find_first_of("[]=") != std::string_view::npos) {
    fail_line(file, number, in_quotes(line) + " names no section: write it as \"[round]\"");
  }
}

PlainText plain(std::string_view text, const Path& file) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  PlainText result;
  std::size_t number = 0;
  for (const std::string_view whole : split(text, '\n')) {
    const std::string_view line = without_comment(whole, file, ++number);
    if (line.starts_with('[')) {
      check_section(line, file, number);
    } else if (!line.empty()) {
      if (line.find('=') == std::string_view::npos)
        fail_line(file, number, in_quotes(line) + " is neither \"key = value\" nor \"[section]\"");
      if (line.starts_with('=')) fail_line(file, number, in_quotes(line) + " has no key before \"=\"");
      result.key_lines.push_back(number);
    }
    result.text.append(line).append("\n");
  }
  return result;
}

std::vector<po::option> parsed(const std::string& text, const Path& file) {
  try {
    std::istringstream stream(text);
    return po::parse_config_file(stream, po::options_description(), true).options;
  } catch (const po::error& error) {
    fail(Error::Kind::Malformed, file.string() + ": " + one_line(error.what()));
  }
}

}  // namespace

void read_config(const Path& file, Keys& keys) {
  const PlainText text = plain(read_text_file(file, kMaxConfigBytes), file);
  const std::vector<po::option> options = parsed(text.text, file);
  TRIBUTARY_CHECK(options.size() == text.key_lines.size());
  std::map<std::string, std::size_t> first_lines;
  for (std::size_t i = 0; i < options.size(); ++i) {
    const std::string& key = options[i].string_key;
    const std::size_t line = text.key_lines[i];
    const auto [first, is_new] = first_lines.emplace(key, line);
    if (!is_new) {
      fail_line(
          file, line,
          "key " + in_quotes(key) + " is given twice: line " + std::to_string(first->second) + " has it, remove one");
    }
    keys.set(key, options[i].value.front(), file.string() + ":" + std::to_string(line));
  }
}

}  // namespace tributary::options
