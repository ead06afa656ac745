// Any bytes are an IDX file or are refused with an Error; what is accepted can be read in full. The first byte says
// where the labels begin within the rest.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "common/base/error.h"
#include "common/data/parse.h"

using namespace tributary;

namespace {

void read_all(const data::Dataset& dataset) {
  std::vector<float> features(dataset.feature_size());
  float label = 0;
  for (std::uint32_t i = 0; i < dataset.size(); ++i) {
    dataset.read({&i, 1}, features, {&label, 1});
    if (label != static_cast<float>(dataset.label_of(i)) || dataset.label_of(i) >= dataset.classes()) std::abort();
    for (const float value : features) {
      if (!(value >= 0 && value <= 1)) std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  const ByteSpan input = std::as_bytes(std::span(bytes + 1, size - 1));
  const std::size_t cut = input.size() * bytes[0] / 256;
  const data::DataLimits limits{.max_bytes = 1 << 20};
  try {
    data::IdxTensor images = data::parse_idx(input.subspan(cut), nullptr, "images", limits);
    // One pair of files is rare to meet, so that an image file is also read with labels that fit.
    const std::vector<std::byte> zeros(images.shape[0]);
    if (images.shape.size() > 1) {
      read_all(*data::idx_dataset(images, {"zeros", {images.shape[0]}, zeros, nullptr}, 0));
    }
    read_all(*data::idx_dataset(images, data::parse_idx(input.first(cut), nullptr, "labels", limits), 0));
  } catch (const Error&) {
  }
  return 0;
}
