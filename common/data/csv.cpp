#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/data/content.h"
#include "common/data/csv_reader.h"
#include "common/data/csv_values.h"
#include "common/data/parse.h"

namespace tributary::data {

namespace {

using Fields = std::vector<std::string_view>;

class CsvParser {
 public:
  CsvParser(std::string_view text, std::string_view name, const CsvOptions& options, const DataLimits& limits)
      : name_(name),
        options_(options),
        reader_(text, name, options.separator, limits.max_columns),
        classes_(name, options) {}

  DatasetPtr parse() {
    Fields fields;
    if (!reader_.next(fields)) fail(Error::Kind::Malformed, std::string(name_) + ": no rows: the file is empty");
    begin(fields);
    if (!options_.header || reader_.next(fields)) {
      do add(fields);
      while (reader_.next(fields));
    }
    if (rows_ == 0) fail(Error::Kind::Malformed, std::string(name_) + ": no rows below the header");
    if (options_.standardize) standardize();
    return make();
  }

 private:
  // From the first record: what the columns are.
  void begin(const Fields& fields) {
    columns_ = fields.size();
    features_per_row_ = columns_ - (options_.holder.empty() ? 1 : 2);
    if (options_.header) names_.assign(fields.begin(), fields.end());
    if (columns_ < (options_.holder.empty() ? 2 : 3)) {
      fail_line(name_, reader_.line(),
                (columns_ == 1 ? "one column only" : "no column is left for a feature") +
                    std::string(", features and a label expected: is data.separator = ") +
                    shown(std::string(1, options_.separator)) + " right?");
    }
    label_column_ = options_.label.empty() ? columns_ - 1 : find_column(options_.label, "label");
    if (!options_.holder.empty()) {
      holder_column_ = find_column(options_.holder, "holder");
      if (holder_column_ == label_column_) {
        fail_line(name_, reader_.line(),
                  "the holder column " + shown(options_.holder) + " is the label: set data.label");
      }
    }
    shape_ = options_.shape;
    if (shape_.empty()) shape_ = {static_cast<std::int64_t>(features_per_row_)};
    check_shape();
  }

  // `role`: what the column is, "label" or "holder", and data.* key.
  std::size_t find_column(const std::string& column, const std::string& role) const {
    const auto named = std::find(names_.begin(), names_.end(), column);
    if (named != names_.end()) {
      if (std::find(named + 1, names_.end(), column) != names_.end()) {
        fail_line(name_, reader_.line(),
                  "two columns are named " + shown(column) + ": give the " + role + "'s index in data." + role);
      }
      return static_cast<std::size_t>(named - names_.begin());
    }
    const auto count = static_cast<std::int64_t>(columns_);
    const std::optional<std::int64_t> index = parse_int(column);
    if (index && *index >= -count && *index < count) return static_cast<std::size_t>((*index + count) % count);
    std::string advice = "set data." + role + " to an index from 0 to " + std::to_string(columns_ - 1);
    if (options_.header) {
      const auto near = nearest(column, names_);
      advice = near ? "is " + shown(*near) + " meant?"
                    : "the first line names " + shown(names_.front()) + " to " + shown(names_.back());
    }
    fail_line(name_, reader_.line(), "no " + role + " column " + shown(column) + ": " + advice);
  }

  void check_shape() const {
    std::uint64_t size = 1;
    for (const std::int64_t d : shape_) {
      if (d < 1) fail(Error::Kind::Malformed, "data.shape: dimension " + std::to_string(d) + ": at least 1 expected");
      size = checked_multiply(size, static_cast<std::uint64_t>(d), "data.shape");
    }
    if (size == features_per_row_) return;
    fail(Error::Kind::Malformed, std::string(name_) + ": data.shape makes " + std::to_string(size) +
                                     " values, the file has " + std::to_string(features_per_row_) + " feature columns");
  }

  void add(const Fields& fields) {
    if (fields.size() != columns_) {
      fail_line(name_, reader_.line(),
                std::to_string(fields.size()) + " fields, " + std::to_string(columns_) + " expected as in line 1");
    }
    for (std::size_t c = 0; c < columns_; ++c) {
      if (c != label_column_ && c != holder_column_) features_.push_back(real(fields[c], c));
    }
    if (holder_column_) add_holder(without_blanks(fields[*holder_column_]));
    if (options_.label_kind == LabelKind::Real) {
      targets_.push_back(real(fields[label_column_], label_column_));
    } else {
      classes_.add(without_blanks(fields[label_column_]), reader_.line());
    }
    if (rows_++ == std::numeric_limits<std::uint32_t>::max()) {
      fail(Error::Kind::Overloaded, std::string(name_) + ": more than 2^32 - 1 rows: split the file");
    }
  }

  void add_holder(std::string_view text) {
    if (text.empty()) fail_field(text, *holder_column_, "is empty: every example needs its holder");
    auto known = holder_ids_.find(text);
    if (known == holder_ids_.end()) {
      known = holder_ids_.emplace(text, static_cast<std::uint32_t>(holder_ids_.size())).first;
    }
    holders_.push_back(known->second);
  }

  // Numbered in the order of their texts, so that the order of the rows does not matter.
  std::vector<std::uint32_t> sorted_holders() {
    std::vector<std::uint32_t> place(holder_ids_.size());
    std::uint32_t next = 0;
    for (const auto& [text, id] : holder_ids_) place[id] = next++;
    for (std::uint32_t& holder : holders_) holder = place[holder];
    return std::move(holders_);
  }

  float real(std::string_view field, std::size_t column) const {
    const std::optional<double> value = number(field);
    if (!value) fail_field(field, column, not_a_number(field));
    if (!std::isfinite(*value)) fail_field(field, column, "is not finite: correct it or remove the row");
    if (std::abs(*value) > std::numeric_limits<float>::max()) {
      fail_field(field, column, "does not fit a 32-bit float: scale the column");
    }
    return static_cast<float>(*value);
  }

  std::string not_a_number(std::string_view field) const {
    if (without_blanks(field).empty()) return "is empty: fill it in or remove the row";
    if (!options_.header && rows_ == 0) return "is not a number: if line 1 names the columns, set data.header = true";
    return "is not a number: correct it or remove the row";
  }

  [[noreturn]] void fail_field(std::string_view field, std::size_t column, const std::string& what) const {
    const std::string named = names_.empty() ? "" : " (" + shown(names_[column]) + ")";
    fail_line(name_, reader_.line(), "column " + std::to_string(column) + named + ": " + shown(field) + " " + what);
  }

  void standardize() {
    const std::size_t width = features_per_row_;
    for (std::size_t c = 0; c < width; ++c) {
      double sum = 0;
      for (std::size_t at = c; at < features_.size(); at += width) sum += double{features_[at]};
      const double mean = sum / static_cast<double>(rows_);
      double squares = 0;
      for (std::size_t at = c; at < features_.size(); at += width) {
        squares += (double{features_[at]} - mean) * (double{features_[at]} - mean);
      }
      const double deviation = std::sqrt(squares / static_cast<double>(rows_));
      for (std::size_t at = c; at < features_.size(); at += width) {
        features_[at] = deviation > 0 ? static_cast<float>((double{features_[at]} - mean) / deviation) : 0.0f;
      }
    }
  }

  DatasetPtr make() {
    if (options_.label_kind == LabelKind::Real) {
      return in_memory(std::move(shape_), std::move(features_), std::move(targets_), 0, sorted_holders());
    }
    std::vector<float> labels = classes_.labels();
    auto classes = static_cast<std::uint32_t>(*std::max_element(labels.begin(), labels.end())) + 1;
    classes = std::max({classes, options_.classes, static_cast<std::uint32_t>(options_.class_names.size())});
    return in_memory(std::move(shape_), std::move(features_), std::move(labels), classes, sorted_holders());
  }

  std::string_view name_;
  const CsvOptions& options_;
  CsvReader reader_;
  ClassColumn classes_;
  std::vector<std::string> names_;
  std::size_t columns_ = 0;
  std::size_t features_per_row_ = 0;
  std::size_t label_column_ = 0;
  std::optional<std::size_t> holder_column_;
  std::map<std::string, std::uint32_t, std::less<>> holder_ids_;  // in order of appearance
  std::vector<std::uint32_t> holders_;                            // id of each row's
  std::vector<std::int64_t> shape_;
  std::vector<float> features_;
  std::vector<float> targets_;
  std::uint64_t rows_ = 0;
};

void check_options(const CsvOptions& options) {
  if (options.separator == '"' || options.separator == '\n' || options.separator == '\r') {
    fail(Error::Kind::Malformed, "data.separator: a quote or a line end cannot separate fields: use , ; or a tab");
  }
  if (options.classes > kMaxClasses || options.class_names.size() > kMaxClasses) {
    fail(Error::Kind::Malformed, "data.classes: at most " + std::to_string(kMaxClasses) + " classes are possible");
  }
  const std::size_t names = options.class_names.size();
  if (names != 0 && options.classes != 0 && names != options.classes) {
    fail(Error::Kind::Malformed, "data.class_names: " + std::to_string(names) + " names, but data.classes = " +
                                     std::to_string(options.classes) + ": leave data.classes out");
  }
}

}  // namespace

DatasetPtr parse_csv(std::string_view text, std::string_view name, const CsvOptions& options,
                     const DataLimits& limits) {
  check_options(options);
  return CsvParser(text, name, options, limits).parse();
}

DatasetPtr load_csv(const Path& path, const CsvOptions& options, const DataLimits& limits) {
  const Content text = read_text(path, limits.max_bytes);
  return parse_csv(as_text(text.bytes), path.string(), options, limits);
}

}  // namespace tributary::data
