#include "common/data/csv_values.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/data/content.h"

namespace tributary::data {

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::optional<double> number(std::string_view field) {
  field = without_blanks(field);
  if (field.size() > 1 && field[0] == '+' && field[1] != '-') field.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (end != field.data() + field.size() || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    // from_chars does not say on which side. The sign of the exponent does, but for digits in the thousands.
    const std::size_t exponent = field.find_first_of("eE");
    const bool tiny = exponent == std::string_view::npos ? field.find_first_of("123456789") > field.find('.')
                                                         : field.substr(exponent + 1).starts_with('-');
    return tiny ? 0.0 : std::numeric_limits<double>::infinity();
  }
  return value;
}

void ClassColumn::add(std::string_view text, std::uint64_t line) {
  if (!known_.empty() && text == texts_[previous_]->first) {
    rows_.push_back(previous_);
    return;
  }
  Known::const_iterator entry = known_.find(text);
  if (entry == known_.end()) entry = add_text(text, line);
  previous_ = entry->second.id;
  rows_.push_back(previous_);
}

std::vector<float> ClassColumn::labels() const {
  const std::vector<std::uint32_t> index = class_of_id();
  std::vector<float> labels(rows_.size());
  std::transform(rows_.begin(), rows_.end(), labels.begin(),
                 [&](std::uint32_t id) { return static_cast<float>(index[id]); });
  return labels;
}

ClassColumn::Known::const_iterator ClassColumn::add_text(std::string_view text, std::uint64_t line) {
  if (text.empty()) fail_line(name_, line, "the class label is empty: fill it in or remove the row");
  if (known_.size() == kMaxClasses) {
    fail_line(name_, line,
              "more than " + std::to_string(kMaxClasses) + " different class labels: is data.label_kind = real meant?");
  }
  const auto entry = known_.emplace(text, Text{static_cast<std::uint32_t>(known_.size()), line}).first;
  texts_.push_back(entry);
  return entry;
}

std::vector<std::uint32_t> ClassColumn::class_of_id() const {
  if (!options_.class_names.empty()) return named_classes();
  const auto is_number = [](const auto& entry) { return number(entry->first).has_value(); };
  if (std::none_of(texts_.begin(), texts_.end(), is_number)) return sorted_classes();
  std::vector<std::uint32_t> index;
  for (const auto& entry : texts_) index.push_back(integer_class(entry->first, entry->second.line));
  return index;
}

// known_ is sorted by text.
std::vector<std::uint32_t> ClassColumn::sorted_classes() const {
  if (options_.classes != 0 && known_.size() != options_.classes) {
    fail(Error::Kind::Malformed, std::string(name_) + ": " + std::to_string(known_.size()) +
                                     " different class texts, " + std::to_string(options_.classes) +
                                     " expected (data.classes): list them in data.class_names");
  }
  std::vector<std::uint32_t> index(known_.size());
  std::uint32_t next = 0;
  for (const auto& [text, entry] : known_) index[entry.id] = next++;
  return index;
}

std::vector<std::uint32_t> ClassColumn::named_classes() const {
  const std::vector<std::string>& names = options_.class_names;
  std::vector<std::uint32_t> index;
  for (const auto& entry : texts_) {
    const auto found = std::find(names.begin(), names.end(), entry->first);
    if (found == names.end()) {
      const auto near = nearest(entry->first, names);
      fail_line(name_, entry->second.line,
                "class label " + shown(entry->first) + " is not among data.class_names" +
                    (near ? ": is " + shown(*near) + " meant?" : ": add it there"));
    }
    index.push_back(static_cast<std::uint32_t>(found - names.begin()));
  }
  return index;
}

std::uint32_t ClassColumn::integer_class(const std::string& text, std::uint64_t line) const {
  const std::optional<double> value = number(text);
  if (!value) {
    fail_line(name_, line,
              "class label " + shown(text) +
                  " is not a number, although others are: correct it, or list all "
                  "labels in data.class_names");
  }
  const std::uint32_t limit = options_.classes != 0 ? options_.classes : kMaxClasses;
  if (*value >= 0 && *value < limit && *value == std::floor(*value)) return static_cast<std::uint32_t>(*value);
  fail_line(name_, line,
            "class label " + shown(text) + " is out of range: integers from 0 to " + std::to_string(limit - 1) +
                " expected (data.classes)");
}

}  // namespace tributary::data
