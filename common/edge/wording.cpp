#include "common/edge/wording.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace tributary::edge {

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t dimension : shape) {
    if (!text.empty()) text += "x";
    text += dimension < 0 ? "?" : std::to_string(dimension);
  }
  return text.empty() ? "scalar" : text;
}

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t place = digits.size(); place > 3; place -= 3) digits.insert(place - 3, ",");
  return digits;
}

std::string percent(double share, int digits) {
  return fixed(100 * share, digits) + " %";
}

std::string fixed(double number, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, number);
  return text.data();
}

std::string line(std::string_view what, const std::string& text) {
  return std::string(what) + std::string(what.size() < 12 ? 12 - what.size() : 1, ' ') + text + "\n";
}

std::string columns(const std::vector<std::vector<std::string>>& rows, std::size_t first_number) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - row[i].size(), ' ');
      text += (i == 0 ? "" : "  ") + (i < first_number ? row[i] + space : space + row[i]);
    }
    text += "\n";
  }
  return text;
}

}  // namespace tributary::edge
