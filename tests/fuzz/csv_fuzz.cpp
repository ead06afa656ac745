// Any text is CSV or is refused with an Error; what is accepted is finite, its classes in range. The first byte chooses
// the options.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "common/base/error.h"
#include "common/data/parse.h"

using namespace tributary;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  const unsigned choice = bytes[0];
  data::CsvOptions options;
  options.header = (choice & 1) != 0;
  options.separator = (choice & 2) != 0 ? ';' : ',';
  options.label_kind = (choice & 4) != 0 ? data::LabelKind::Real : data::LabelKind::Class;
  options.standardize = (choice & 8) != 0;
  options.label = (choice & 16) != 0 ? "0" : (choice & 32) != 0 ? "y" : "";
  if ((choice & 64) != 0) options.class_names = {"DOWN", "UP"};
  if ((choice & 128) != 0) options.classes = 2;
  try {
    const std::string_view text(reinterpret_cast<const char*>(bytes + 1), size - 1);
    const data::View view = data::whole(data::parse_csv(text, "fuzz.csv", options, {.max_columns = 100}));
    std::vector<float> features(view.size() * view.dataset->feature_size());
    std::vector<float> labels(view.size());
    view.dataset->read(view.indices, features, labels);
    for (const float value : features) {
      if (!std::isfinite(value)) std::abort();
    }
    for (const float label : labels) {
      if (!std::isfinite(label)) std::abort();
      if (view.dataset->classes() > 0 && !(label >= 0 && label < static_cast<float>(view.dataset->classes())))
        std::abort();
    }
  } catch (const Error&) {
  }
  return 0;
}
