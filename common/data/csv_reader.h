// common/data/csv_reader.h
//
// Cuts CSV text into records and fields (RFC 4180; LF or CRLF). Private to the room. One thread.
//
// Life: any number of next() until it returns false.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace tributary::data {

class CsvReader {
 public:
  // `text` and `name` (what messages call the input) must outlive the reader. A byte order mark is skipped.
  CsvReader(std::string_view text, std::string_view name, char separator, std::size_t max_fields);

  // The next record's fields, valid until the next call; false at the end, before which blank lines do not count.
  // Throws Malformed: an open quote, text behind a closing quote, a blank line between records; Overloaded: more than
  // max_fields fields.
  bool next(std::vector<std::string_view>& fields);

  // Where the record that next() gave begins, from 1.
  std::uint64_t line() const { return record_line_; }

 private:
  std::string_view plain_field();
  std::string_view quoted_field();
  // Consumes what ends a field; true when it ended the record, too.
  bool end_of_record();

  const char* at_;
  const char* end_;
  std::string_view name_;
  char separator_;
  std::size_t max_fields_;
  std::uint64_t line_ = 1;
  std::uint64_t record_line_ = 0;
  std::deque<std::string> unescaped_;
};

}  // namespace tributary::data
