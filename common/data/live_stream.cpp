#include "common/data/live_stream.h"

#include "common/base/text.h"

namespace tributary::data {

namespace {

// position := place of the source {"\n" column}
constexpr char kBetween = '\n';

}  // namespace

LiveStream::LiveStream(std::unique_ptr<LineSource> source, RecordSchema schema, Rejects& rejects)
    : source_(std::move(source)), parser_(std::move(schema)), rejects_(rejects) {}

Next LiveStream::next(std::span<float> features, float& label) {
  using Kind = RecordParser::Result::Kind;
  for (;;) {
    const Next found = source_->next(line_);
    if (found != Next::Example) return found;
    if (line_.cut) {
      rejects_.add(line_.text, "longer than " + std::to_string(kMaxLineBytes) + " bytes");
      continue;
    }
    if (line_.is_first) parser_.begin();
    const auto result = parser_.parse(line_.text, features, label);
    if (result.kind == Kind::Rejected) rejects_.add(line_.text, result.reason);
    if (result.kind == Kind::Example) return Next::Example;
  }
}

std::string LiveStream::position() const {
  std::string position = source_->position();
  if (position.empty()) return position;
  for (const auto& column : parser_.columns()) position.append(1, kBetween).append(column);
  return position;
}

void LiveStream::resume(std::string_view position) {
  std::vector<std::string> columns;
  const auto parts = split(position, kBetween);
  for (std::size_t i = 1; i < parts.size(); ++i) columns.emplace_back(parts[i]);
  parser_.set_columns(std::move(columns));
}

std::string LiveStream::place_of(std::string_view position) {
  return std::string(position.substr(0, position.find(kBetween)));
}

}  // namespace tributary::data
