#include "common/data/csv_reader.h"

#include <algorithm>

#include "common/base/error.h"
#include "common/data/content.h"

namespace tributary::data {

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool only_line_ends(const char* at, const char* end) {
  return std::all_of(at, end, [](char c) { return c == '\n' || c == '\r'; });
}

}  // namespace

CsvReader::CsvReader(std::string_view text, std::string_view name, char separator, std::size_t max_fields)
    : at_(text.data()), end_(at_ + text.size()), name_(name), separator_(separator), max_fields_(max_fields) {
  if (text.starts_with(kByteOrderMark)) at_ += kByteOrderMark.size();
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) fail_line(name, 1, "UTF-16 text: save it as UTF-8");
}

bool CsvReader::next(std::vector<std::string_view>& fields) {
  fields.clear();
  unescaped_.clear();
  record_line_ = line_;
  if (at_ == end_) return false;
  if (*at_ == '\n' || *at_ == '\r') {
    if (only_line_ends(at_, end_)) return false;
    if (*at_ == '\n' || at_[1] == '\n') fail_line(name_, line_, "blank line between the rows: remove it");
  }
  for (bool last = false; !last;) {
    if (fields.size() == max_fields_) {
      fail(Error::Kind::Overloaded, std::string(name_) + ":" + std::to_string(line_) + ": more than " +
                                        std::to_string(max_fields_) + " columns: is the separator right?");
    }
    fields.push_back(at_ != end_ && *at_ == '"' ? quoted_field() : plain_field());
    last = end_of_record();
  }
  return true;
}

std::string_view CsvReader::plain_field() {
  const char* const begin = at_;
  while (at_ != end_ && *at_ != separator_ && *at_ != '\n') ++at_;
  const bool carriage_return = at_ != begin && at_[-1] == '\r' && (at_ == end_ || *at_ == '\n');
  return {begin, static_cast<std::size_t>(at_ - begin) - (carriage_return ? 1 : 0)};
}

// Text without doubled quotes is given in place, any other from a copy.
std::string_view CsvReader::quoted_field() {
  const std::uint64_t opened = line_;
  const char* begin = ++at_;
  std::string* copy = nullptr;
  for (;; ++at_) {
    if (at_ == end_) fail_line(name_, opened, "a quote is opened here and never closed: add the closing \"");
    if (*at_ == '\n') ++line_;
    if (*at_ != '"') continue;
    if (at_ + 1 == end_ || at_[1] != '"') break;
    if (copy == nullptr) copy = &unescaped_.emplace_back();
    copy->append(begin, ++at_);
    begin = at_ + 1;
  }
  const char* const close = at_++;
  if (at_ != end_ && *at_ == '\r' && (at_ + 1 == end_ || at_[1] == '\n')) ++at_;
  if (copy == nullptr) return {begin, static_cast<std::size_t>(close - begin)};
  copy->append(begin, close);
  return *copy;
}

bool CsvReader::end_of_record() {
  if (at_ == end_) return true;
  if (*at_ == '\n') {
    ++at_;
    ++line_;
    return true;
  }
  if (*at_ != separator_) fail_line(name_, line_, "text follows a closing quote: double the quotes within a field");
  ++at_;
  return false;
}

}  // namespace tributary::data
