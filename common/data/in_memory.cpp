#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "common/base/error.h"
#include "common/data/dataset.h"

namespace tributary::data {

namespace {

[[noreturn]] void malformed(const std::string& what) {
  fail(Error::Kind::Malformed, "examples in memory: " + what);
}

class MemoryDataset final : public Dataset {
 public:
  MemoryDataset(std::vector<std::int64_t> shape, std::size_t feature_size, std::vector<float> features,
                std::vector<float> labels, std::uint32_t classes, std::vector<std::uint32_t> holder_of)
      : shape_(std::move(shape)),
        feature_size_(feature_size),
        size_(static_cast<std::uint32_t>(features.size() / feature_size)),
        label_size_(labels.size() / size_),
        features_(std::move(features)),
        labels_(std::move(labels)),
        classes_(classes),
        holder_of_(std::move(holder_of)),
        holders_(holder_of_.empty() ? 0 : *std::max_element(holder_of_.begin(), holder_of_.end()) + 1) {}

  std::uint32_t size() const override { return size_; }
  std::span<const std::int64_t> feature_shape() const override { return shape_; }
  std::size_t feature_size() const override { return feature_size_; }
  std::size_t label_size() const override { return label_size_; }
  std::uint32_t classes() const override { return classes_; }

  void read(std::span<const std::uint32_t> indices, std::span<float> features, std::span<float> labels) const override {
    for (std::size_t i = 0; i < indices.size(); ++i) {
      std::copy_n(features_.data() + indices[i] * feature_size_, feature_size_, features.data() + i * feature_size_);
      std::copy_n(labels_.data() + indices[i] * label_size_, label_size_, labels.data() + i * label_size_);
    }
  }

  std::uint32_t label_of(std::uint32_t i) const override { return static_cast<std::uint32_t>(labels_[i]); }
  std::uint32_t holders() const override { return holders_; }
  std::uint32_t holder_of(std::uint32_t i) const override { return holder_of_[i]; }

 private:
  std::vector<std::int64_t> shape_;
  std::size_t feature_size_;
  std::uint32_t size_;
  std::size_t label_size_;
  std::vector<float> features_;
  std::vector<float> labels_;
  std::uint32_t classes_;
  std::vector<std::uint32_t> holder_of_;
  std::uint32_t holders_;
};

std::size_t product(const std::vector<std::int64_t>& shape) {
  std::uint64_t size = 1;
  for (const std::int64_t d : shape) {
    if (d < 1) malformed("dimension " + std::to_string(d) + " of the feature shape: at least 1 expected");
    size = checked_multiply(size, static_cast<std::uint64_t>(d), "feature shape");
  }
  return size;
}

std::size_t checked_examples(std::size_t features, std::size_t feature_size) {
  if (features == 0) malformed("there are none");
  if (features % feature_size != 0) {
    malformed(std::to_string(features) + " feature values are no multiple of the " + std::to_string(feature_size) +
              " of an example");
  }
  const std::size_t examples = features / feature_size;
  if (examples > std::numeric_limits<std::uint32_t>::max()) malformed("more than 2^32 - 1 of them");
  return examples;
}

void check_finite(const std::vector<float>& values, std::size_t per_example, const char* what) {
  const auto bad = std::find_if_not(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
  if (bad == values.end()) return;
  malformed(std::string(what) + " of example " +
            std::to_string(static_cast<std::size_t>(bad - values.begin()) / per_example) + " is not finite");
}

void check_classes(const std::vector<float>& labels, std::uint32_t classes) {
  if (classes > kMaxClasses) malformed("at most " + std::to_string(kMaxClasses) + " classes are possible");
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] >= 0 && labels[i] < static_cast<float>(classes) && labels[i] == std::floor(labels[i])) continue;
    malformed("label " + std::to_string(labels[i]) + " of example " + std::to_string(i) +
              " is not a class index below " + std::to_string(classes));
  }
}

}  // namespace

View whole(DatasetPtr dataset) {
  std::vector<std::uint32_t> indices(dataset->size());
  std::iota(indices.begin(), indices.end(), 0u);
  return {std::move(dataset), std::move(indices)};
}

DatasetPtr in_memory(std::vector<std::int64_t> shape, std::vector<float> features, std::vector<float> labels,
                     std::uint32_t classes, std::vector<std::uint32_t> holders) {
  const std::size_t feature_size = product(shape);
  const std::size_t examples = checked_examples(features.size(), feature_size);
  if (labels.empty() || labels.size() % examples != 0 || (classes > 0 && labels.size() != examples)) {
    malformed(std::to_string(labels.size()) + " label values do not fit " + std::to_string(examples) + " examples");
  }
  if (!holders.empty() && holders.size() != examples) {
    malformed(std::to_string(holders.size()) + " holders do not fit " + std::to_string(examples) + " examples");
  }
  check_finite(features, feature_size, "a feature");
  check_finite(labels, labels.size() / examples, "the label");
  if (classes > 0) check_classes(labels, classes);
  return std::make_shared<MemoryDataset>(std::move(shape), feature_size, std::move(features), std::move(labels),
                                         classes, std::move(holders));
}

}  // namespace tributary::data
