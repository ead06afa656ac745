#include <algorithm>

#include "common/base/text.h"
#include "common/options/command_line.h"
#include "common/options/usage.h"
#include "common/options/wording.h"

namespace tributary::options {

namespace {

constexpr std::size_t kNarrowest = 40;
constexpr std::size_t kWidestTerm = 34;  // a longer term has a line of its own
constexpr std::string_view kIndent = "  ";

struct Row {
  std::string term;
  std::string meaning;
};

// Rows of one heading; the terms of a whole help are aligned.
struct Section {
  std::string heading;
  std::vector<Row> rows;
};

std::string paragraph(std::string_view text, std::size_t width) {
  std::string result;
  for (const std::string& line : wrapped(text, width)) result += line + "\n";
  return result;
}

std::string row_text(const Row& row, std::size_t term_width, std::size_t width) {
  const std::size_t margin = kIndent.size() + term_width + kIndent.size();
  std::string result = std::string(kIndent) + left_aligned(row.term, term_width);
  if (columns(row.term) > term_width) result += "\n" + std::string(kIndent.size() + term_width, ' ');
  bool first = true;
  for (const std::string& line : wrapped(row.meaning, width - margin)) {
    result += first ? std::string(kIndent) : "\n" + std::string(margin, ' ');
    result += line;
    first = false;
  }
  return result + "\n";
}

std::size_t term_width(const std::vector<Section>& sections, std::size_t width) {
  std::size_t widest = 0;
  const std::size_t limit = std::min(kWidestTerm, width / 2 - 2 * kIndent.size());
  for (const Section& section : sections) {
    for (const Row& row : section.rows) {
      if (columns(row.term) <= limit) widest = std::max(widest, columns(row.term));
    }
  }
  return widest;
}

std::string sections_text(const std::vector<Section>& sections, std::size_t width) {
  const std::size_t aligned = term_width(sections, width);
  std::string result;
  for (const Section& section : sections) {
    result += "\n" + (section.heading.empty() ? "" : paragraph(section.heading, width));
    for (const Row& row : section.rows) result += row_text(row, aligned, width);
  }
  return result;
}

Section option_section(const Command& command, bool has_keys) {
  Section section{"options:", {}};
  for (const Option& option : all_options(command, has_keys)) {
    section.rows.push_back({"--" + option.name + (option.value.empty() ? "" : " " + option.value),
                            option.help + (option.repeated ? " (may be repeated)" : "")});
  }
  return section;
}

std::string first_part(const std::string& key) {
  const std::size_t dot = key.find('.');
  return dot == std::string::npos ? "" : key.substr(0, dot);
}

Row key_row(const KeyInfo& key) {
  const std::string value = key.default_text.empty() ? "" : " (default " + key.default_text + ")";
  return {"--" + key.name + "=" + key.kind, key.help + value};
}

// Keys without a prefix first, as they must come first in a file.
std::vector<Section> key_sections(const Keys& keys) {
  std::vector<Section> sections{{"", {}}};
  std::vector<std::string> parts{""};
  for (const KeyInfo& key : keys.list()) {
    const std::string part = first_part(key.name);
    auto at = std::find(parts.begin(), parts.end(), part);
    if (at == parts.end()) {
      at = parts.insert(parts.end(), part);
      sections.push_back({"[" + part + "]", {}});
    }
    sections[static_cast<std::size_t>(at - parts.begin())].rows.push_back(key_row(key));
  }
  if (sections.front().rows.empty()) sections.erase(sections.begin());
  return sections;
}

std::string examples_text(const std::string& examples) {
  if (examples.empty()) return "";
  return "\nexamples:\n" + examples + (examples.ends_with('\n') ? "" : "\n");
}

}  // namespace

std::string help(std::string_view program, const Command& command, const Keys* keys, std::size_t width) {
  width = std::max(width, kNarrowest);
  const std::string shown = usage_of(command).shown;
  std::string text = paragraph("usage: " + std::string(program) + (shown.empty() ? "" : " " + shown) + " [options]" +
                                   (keys == nullptr ? "" : " [--KEY=VALUE]..."),
                               width);
  if (!command.summary.empty()) text += "\n" + paragraph(command.summary, width);
  std::vector<Section> sections{option_section(command, keys != nullptr)};
  if (keys != nullptr && !keys->list().empty()) {
    const std::vector<Section> of_keys = key_sections(*keys);
    sections.push_back({"keys, as --KEY=VALUE, --set KEY=VALUE or, below their [section], in a --config file:", {}});
    sections.insert(sections.end(), of_keys.begin(), of_keys.end());
  }
  return text + sections_text(sections, width) + examples_text(command.examples);
}

std::string help(std::string_view program, std::string_view summary, const std::vector<Command>& commands) {
  constexpr std::size_t kWidth = 100;
  Section section{"commands:", {}};
  for (const Command& command : commands) section.rows.push_back({command.name, command.summary});
  return "usage: " + std::string(program) + " COMMAND ...\n\n" + paragraph(summary, kWidth) +
         sections_text({section}, kWidth) + "\n" + std::string(program) +
         " COMMAND --help shows what a command takes.\n";
}

}  // namespace tributary::options
