// common/data/record.h
//
// Examples that arrive one line at a time, as CSV or as JSON objects, from a source that nobody checked: what fits the
// schema becomes an example, all else is told why not and never ends the stream. Values; one thread.
#pragma once

#include <cstdint>
#include <fstream>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/files.h"

namespace tributary::data {

struct RecordSchema {
  std::string format = "csv";         // "csv" or "json": an object a line
  std::vector<std::string> features;  // names of the features, in the order that the model takes them
  std::string label = "label";        // name of the label
  std::uint32_t classes = 0;          // labels are whole numbers below this, or one of class_names
  std::vector<std::string> class_names = {};
  char separator = ',';
  // csv: whether each file (connection, ...) begins with a line of the columns' names, among which there may be others
  // than the schema's; otherwise the columns are the features, then the label.
  bool header = true;

  std::uint32_t number_of_classes() const {
    return class_names.empty() ? classes : static_cast<std::uint32_t>(class_names.size());
  }
};

// Throws Malformed naming the key (stream.features, ...) that is missing or wrong.
void check(const RecordSchema& schema);

class RecordParser {
 public:
  explicit RecordParser(RecordSchema schema);

  std::size_t features() const { return schema_.features.size(); }
  std::uint32_t classes() const { return schema_.number_of_classes(); }

  // A new file begins, so that the next line is its header where there are headers.
  void begin();
  struct Result {
    enum class Kind : std::uint8_t { Example, Header, Blank, Rejected } kind = Kind::Rejected;
    std::string reason;  // of Rejected: "no feature 'price'"
  };
  // REQUIRES: a span of features() values; untouched unless it is an Example.
  Result parse(std::string_view line, std::span<float> features, float& label);

  // The columns of the present file, for a state that survives a restart in the middle of it; empty = none known.
  const std::vector<std::string>& columns() const { return columns_; }
  void set_columns(std::vector<std::string> columns);

 private:
  Result parse_csv(std::string_view line, std::span<float> features, float& label);
  Result parse_json(std::string_view line, std::span<float> features, float& label);
  Result take_header(std::string_view line);
  std::optional<std::uint32_t> class_of(std::string_view text) const;

  RecordSchema schema_;
  std::vector<std::string> columns_;  // names, as the header has them
  std::vector<std::size_t> places_;   // of each feature in a row
  std::size_t label_place_ = 0;
  std::size_t width_ = 0;  // columns of a row
  bool awaits_header_ = false;
  std::vector<float> values_;
};

// Records that were no examples, one JSON object a line: why, and the record, cut. Nothing is written beyond the limit,
// only counted.
class Rejects {
 public:
  // `file`: empty = only counted. Throws Unavailable.
  explicit Rejects(const Path& file, std::uint64_t max_bytes = 64u << 20);
  // Throws Unavailable when the file cannot be written.
  void add(std::string_view record, std::string_view reason);
  std::uint64_t count() const { return count_; }
  // By reason, names and values left out.
  const std::map<std::string, std::uint64_t>& reasons() const { return reasons_; }

 private:
  Path path_;
  std::ofstream out_;
  std::uint64_t bytes_ = 0, max_bytes_, count_ = 0;
  std::map<std::string, std::uint64_t> reasons_;
};

}  // namespace tributary::data
