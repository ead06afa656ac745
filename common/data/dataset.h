// common/data/dataset.h
//
// Labelled examples. A Dataset is immutable once made and may be shared by any number of participants and threads; a
// View is a participant's list of indices into it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/files.h"
#include "common/base/random.h"

namespace tributary::data {

// Thread-safe; all methods are const.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual std::uint32_t size() const = 0;
  // Shape of one example's features, without the batch axis, for example {1, 28, 28} or {6}.
  virtual std::span<const std::int64_t> feature_shape() const = 0;
  // Elements of one example's features: the product of feature_shape().
  virtual std::size_t feature_size() const = 0;
  // Values of one example's label: 1 for a class index or a scalar target.
  virtual std::size_t label_size() const = 0;
  // One more than the largest class index, or 0 where labels are not classes.
  virtual std::uint32_t classes() const = 0;
  // Copies features (examples x feature_size) and labels (examples x label_size) of `indices`, in their order, as
  // float32; a class index is an integral value. REQUIRES: indices below size(), spans of exactly that length.
  virtual void read(std::span<const std::uint32_t> indices, std::span<float> features, std::span<float> labels) const = 0;
  // Class index of example i; REQUIRES: classes() > 0. For partitioners and confusion matrices.
  virtual std::uint32_t label_of(std::uint32_t i) const = 0;
};

using DatasetPtr = std::shared_ptr<const Dataset>;

// Some examples of a data set, in order.
struct View {
  DatasetPtr dataset;
  std::vector<std::uint32_t> indices;

  std::uint32_t size() const { return static_cast<std::uint32_t>(indices.size()); }
};

// All examples.
View whole(DatasetPtr dataset);

// IDX pair (LeCun's format: MNIST family), plain or gzip by content. Images unsigned bytes of rank 2..4, scaled to
// [0, 1], kept as bytes in memory; feature_shape is {1, rows, columns} for rank 3. Labels unsigned bytes of rank 1.
// Throws Malformed, naming the file and what is wrong: magic, type, rank, counts that differ, a file that is too
// short or too long, a label >= `classes` (0 = as found); Unavailable when a file cannot be read.
DatasetPtr load_idx(const Path& images, const Path& labels, std::uint32_t classes = 0);

enum class LabelKind : std::uint8_t { Class, Real };

struct CsvOptions {
  bool header = true;
  char separator = ',';
  // Name (with header) or index from 0 (negative: from the end) of the label column; empty = last column.
  std::string label;
  LabelKind label_kind = LabelKind::Class;
  // Expected number of classes; 0 = as found.
  std::uint32_t classes = 0;
  // Subtract the mean and divide by the standard deviation of each feature, learnt from this file.
  bool standardize = false;
  // Shape of one example's features; empty = {columns - 1}. Its product must be the number of feature columns.
  std::vector<std::int64_t> shape;
};

// CSV, plain or gzip by content. Class labels are non-negative integers, or texts, which are numbered in order of
// their sorted names. Throws Malformed naming file and line (and column): ragged row, not a number, not finite, label out of
// range, unknown label column (with the nearest name), no rows.
DatasetPtr load_csv(const Path& path, const CsvOptions& options = {});

// Examples held in memory: features examples x product(shape), labels examples x label_size. classes = 0: real labels.
DatasetPtr in_memory(std::vector<std::int64_t> shape, std::vector<float> features, std::vector<float> labels,
                     std::uint32_t classes);

// Index file: text, one decimal index a line, '#' comments. Throws Malformed naming file and line: not a number,
// index >= dataset size, index listed twice.
std::vector<std::uint32_t> load_index(const Path& path, std::uint32_t dataset_size);
void save_index(const Path& path, std::span<const std::uint32_t> indices);

}  // namespace tributary::data
