// Any lines are examples of a stream or are set aside with a reason in one line. The first byte chooses the schema; the
// rest are lines.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "common/base/text.h"
#include "common/data/record.h"

using namespace tributary;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

data::RecordSchema schema(std::uint8_t choice) {
  data::RecordSchema schema;
  schema.format = (choice & 1) != 0 ? "json" : "csv";
  schema.features = {"a", "b"};
  schema.label = "y";
  if ((choice & 2) != 0) {
    schema.class_names = {"UP", "DOWN"};
  } else {
    schema.classes = 3;
  }
  if ((choice & 4) != 0) schema.separator = ';';
  schema.header = (choice & 8) != 0;
  return schema;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  data::RecordParser parser(schema(bytes[0]));
  parser.begin();
  float features[2] = {}, label = 0;
  for (const std::string_view line : split({reinterpret_cast<const char*>(bytes + 1), size - 1}, '\n')) {
    using Kind = data::RecordParser::Result::Kind;
    const auto result = parser.parse(line, features, label);
    require((result.kind == Kind::Rejected) == !result.reason.empty());
    require(result.reason.find('\n') == std::string::npos);
    if (result.kind != Kind::Example) continue;
    require(std::isfinite(features[0]) && std::isfinite(features[1]));
    require(label >= 0 && label < static_cast<float>(parser.classes()) && label == std::floor(label));
  }
  return 0;
}
