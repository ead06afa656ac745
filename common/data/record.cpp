#include "common/data/record.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/data/csv_reader.h"
#include "common/data/csv_values.h"
#include "common/data/dataset.h"

namespace tributary::data {

namespace {

using Kind = RecordParser::Result::Kind;

constexpr std::size_t kMaxColumns = 1u << 16;
constexpr int kMaxDepth = 4;

RecordParser::Result rejected(std::string reason) {
  return {Kind::Rejected, std::move(reason)};
}

std::string cited(std::string_view text) {
  std::string shown = "'";
  for (const char c : text.substr(0, 40)) shown += static_cast<unsigned char>(c) < 32 ? '?' : c;
  return shown + (text.size() > 40 ? "...'" : "'");
}

std::optional<float> finite(double value) {
  const auto single = static_cast<float>(value);
  return std::isfinite(single) ? std::optional(single) : std::nullopt;
}

}  // namespace

void check(const RecordSchema& schema) {
  const auto refuse = [](const std::string& why) { fail(Error::Kind::Malformed, why); };
  if (schema.format != "csv" && schema.format != "json") refuse("stream.format must be csv or json");
  if (schema.features.empty())
    refuse("stream.features is not set: name the features, in the order the model takes them");
  std::set<std::string> names(schema.features.begin(), schema.features.end());
  if (names.size() != schema.features.size()) refuse("stream.features names a feature twice");
  if (schema.label.empty() || names.contains(schema.label))
    refuse("stream.label must be a name, and none of stream.features");
  if (schema.number_of_classes() < 2 || schema.number_of_classes() > kMaxClasses)
    refuse("stream.classes is not set: say how many classes there are, at least 2, or name them in stream.class_names");
  if (!schema.class_names.empty() && schema.classes != 0 && schema.classes != schema.class_names.size())
    refuse("stream.classes and stream.class_names differ");
}

RecordParser::RecordParser(RecordSchema schema) : schema_(std::move(schema)), values_(schema_.features.size()) {
  check(schema_);
  for (std::size_t i = 0; i < schema_.features.size(); ++i) places_.push_back(i);
  label_place_ = schema_.features.size();
  width_ = label_place_ + 1;
  begin();
}

void RecordParser::begin() {
  awaits_header_ = schema_.format == "csv" && schema_.header;
  columns_.clear();
}

std::optional<std::uint32_t> RecordParser::class_of(std::string_view text) const {
  text = without_blanks(text);
  const auto& names = schema_.class_names;
  if (!names.empty()) {
    const auto found = std::find(names.begin(), names.end(), text);
    if (found == names.end()) return std::nullopt;
    return static_cast<std::uint32_t>(found - names.begin());
  }
  const auto value = number(text);
  if (!value || !(*value >= 0 && *value < schema_.classes) || *value != std::floor(*value)) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

RecordParser::Result RecordParser::parse(std::string_view line, std::span<float> features, float& label) {
  TRIBUTARY_CHECK(features.size() == values_.size());
  while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (without_blanks(line).empty()) return {Kind::Blank, {}};
  if (schema_.format == "json") return parse_json(line, features, label);
  if (awaits_header_) return take_header(line);
  return parse_csv(line, features, label);
}

RecordParser::Result RecordParser::take_header(std::string_view line) try {
  std::vector<std::string_view> fields;
  CsvReader reader(line, "header", schema_.separator, kMaxColumns);
  reader.next(fields);  // which live as long as the reader
  std::vector<std::string> columns;
  for (const auto field : fields) columns.emplace_back(without_blanks(field));
  const auto has = [&](const std::string& name) {
    return std::find(columns.begin(), columns.end(), name) != columns.end();
  };
  for (const auto& name : schema_.features)
    if (!has(name)) return rejected("the header has no column " + cited(name));
  if (!has(schema_.label)) return rejected("the header has no column " + cited(schema_.label));
  set_columns(std::move(columns));
  return {Kind::Header, {}};
} catch (const Error&) {
  return rejected("the header is no CSV");
}

void RecordParser::set_columns(std::vector<std::string> columns) {
  if (columns.empty()) return;
  const auto place = [&](const std::string& name) {
    return static_cast<std::size_t>(std::find(columns.begin(), columns.end(), name) - columns.begin());
  };
  for (std::size_t i = 0; i < places_.size(); ++i) places_[i] = place(schema_.features[i]);
  label_place_ = place(schema_.label);
  width_ = columns.size();
  columns_ = std::move(columns);
  awaits_header_ = false;
}

RecordParser::Result RecordParser::parse_csv(std::string_view line, std::span<float> features, float& label) try {
  std::vector<std::string_view> fields;
  CsvReader reader(line, "record", schema_.separator, kMaxColumns);
  if (!reader.next(fields) || fields.size() != width_)
    return rejected(std::to_string(fields.size()) + " columns instead of " + std::to_string(width_));
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const auto value = number(fields[places_[i]]);
    const auto single = value ? finite(*value) : std::nullopt;
    if (!single)
      return rejected("feature '" + schema_.features[i] + "' is no finite number: " + cited(fields[places_[i]]));
    values_[i] = *single;
  }
  const auto known = class_of(fields[label_place_]);
  if (!known) return rejected("label is no class: " + cited(fields[label_place_]));
  std::copy(values_.begin(), values_.end(), features.begin());
  label = static_cast<float>(*known);
  return {Kind::Example, {}};
} catch (const Error&) {
  return rejected("no CSV: a quote is open or misplaced");
}

RecordParser::Result RecordParser::parse_json(std::string_view line, std::span<float> features, float& label) {
  using Json = nlohmann::json;
  // What is nested deeper than an example can be is read over, not kept.
  const auto shallow = [](int depth, Json::parse_event_t, Json&) { return depth <= kMaxDepth; };
  const Json record = Json::parse(line.begin(), line.end(), shallow, false);
  if (!record.is_object()) return rejected(record.is_discarded() ? "no JSON" : "no JSON object");
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const auto found = record.find(schema_.features[i]);
    if (found == record.end()) return rejected("no feature '" + schema_.features[i] + "'");
    if (!found->is_number() && !found->is_boolean())
      return rejected("feature '" + schema_.features[i] + "' is no number");
    const auto single = finite(found->is_boolean() ? found->get<bool>() : found->get<double>());
    if (!single) return rejected("feature '" + schema_.features[i] + "' is no finite number");
    values_[i] = *single;
  }
  const auto found = record.find(schema_.label);
  if (found == record.end()) return rejected("no label '" + schema_.label + "'");
  const std::string text = found->is_string()    ? found->get<std::string>()
                           : found->is_boolean() ? std::string(found->get<bool>() ? "1" : "0")
                           : found->is_number()  ? found->dump()
                                                 : std::string();
  const auto known = class_of(text);
  if (!known) return rejected("label is no class: " + cited(text));
  std::copy(values_.begin(), values_.end(), features.begin());
  label = static_cast<float>(*known);
  return {Kind::Example, {}};
}

Rejects::Rejects(const Path& file, std::uint64_t max_bytes) : path_(file), max_bytes_(max_bytes) {
  if (file.empty()) return;
  out_.open(file, std::ios::app | std::ios::binary);
  if (!out_) fail(Error::Kind::Unavailable, file.string() + ": cannot be written");
  bytes_ = static_cast<std::uint64_t>(std::max<std::streamoff>(out_.tellp(), 0));
}

void Rejects::add(std::string_view record, std::string_view reason) {
  constexpr std::size_t kMostReasons = 100, kMostOfARecord = 1000;
  ++count_;
  const std::string kind(reason.substr(0, reason.find(": ")));
  if (reasons_.size() < kMostReasons || reasons_.contains(kind)) ++reasons_[kind];
  if (!out_.is_open() || bytes_ >= max_bytes_) return;
  const nlohmann::ordered_json object{{"reason", reason}, {"record", record.substr(0, kMostOfARecord)}};
  const std::string line = object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  bytes_ += line.size();
  if (!(out_ << line << std::flush)) fail(Error::Kind::Unavailable, path_.string() + ": cannot be written");
}

}  // namespace tributary::data
