// common/data/csv_values.h
//
// What the fields of a CSV file mean: numbers and class labels. Private to the room. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/data/dataset.h"

namespace tributary::data {

// Without the spaces and tabs at both ends.
std::string_view without_blanks(std::string_view text);

// A whole field as a number, or nullopt: decimal or scientific, "inf" and "nan" included, blanks around it, one leading
// '+'; independent of the locale. A number too large for a double is infinite, one too small is zero.
std::optional<double> number(std::string_view field);

// The class labels of a column: add() every row's, then labels() once. Numbered when all are known, so that the order
// of the rows does not matter.
class ClassColumn {
 public:
  // `name` (what messages call the input) and `options` must outlive the column.
  ClassColumn(std::string_view name, const CsvOptions& options) : name_(name), options_(options) {}

  // Throws Malformed for an empty label and for more than kMaxClasses different ones.
  void add(std::string_view text, std::uint64_t line);

  // The class index of each row. Throws Malformed naming the line of a label's first appearance: out of range, not in
  // options.class_names, texts and numbers mixed; also when there are not options.classes different texts.
  std::vector<float> labels() const;

 private:
  struct Text {
    std::uint32_t id;
    std::uint64_t line;  // of its first appearance
  };
  using Known = std::map<std::string, Text, std::less<>>;

  Known::const_iterator add_text(std::string_view text, std::uint64_t line);
  std::vector<std::uint32_t> class_of_id() const;
  std::vector<std::uint32_t> sorted_classes() const;
  std::vector<std::uint32_t> named_classes() const;
  std::uint32_t integer_class(const std::string& text, std::uint64_t line) const;

  std::string_view name_;
  const CsvOptions& options_;
  Known known_;
  std::vector<Known::const_iterator> texts_;  // by id
  std::vector<std::uint32_t> rows_;           // id of each row's text
  std::uint32_t previous_ = 0;
};

}  // namespace tributary::data
