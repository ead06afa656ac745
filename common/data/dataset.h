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
  virtual void read(std::span<const std::uint32_t> indices, std::span<float> features,
                    std::span<float> labels) const = 0;
  // Class index of example i; REQUIRES: classes() > 0. For partitioners and confusion matrices.
  virtual std::uint32_t label_of(std::uint32_t i) const = 0;
  // Number of those to whom the examples belong (CsvOptions.holder), or 0 where that is not known.
  virtual std::uint32_t holders() const { return 0; }
  // To whom example i belongs, below holders(). REQUIRES: holders() > 0. For partitioners.
  virtual std::uint32_t holder_of(std::uint32_t i) const { return static_cast<void>(i), 0; }
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

// What a data file may cost. Beyond a limit: Overloaded, naming the file and the limit.
struct DataLimits {
  // Bytes of one file after decompression. A plain IDX file is mapped, costs no memory of its own and is not limited.
  std::uint64_t max_bytes = std::uint64_t{4} << 30;
  // Columns of a CSV file.
  std::uint32_t max_columns = 1u << 16;
};

// Class indices are below this; a CSV label column with more is taken for one of real numbers and refused.
constexpr std::uint32_t kMaxClasses = 1u << 16;

// IDX pair (LeCun's format: MNIST family), plain or gzip by content. Images unsigned bytes of rank 2..4, scaled by
// 1/255 to [0, 1], kept as bytes in memory; feature_shape is {1, rows, columns} for rank 3, otherwise the dimensions
// after the first. Labels unsigned bytes of rank 1. A plain file is memory-mapped, so any number of processes share
// one copy: it must not be shortened while the data set lives.
// Throws Malformed, naming the file and what is wrong: magic, rank, counts that differ, a file that is too short or
// too long, a label >= `classes` (0 = as found), damaged gzip; Unsupported for elements that are not unsigned bytes;
// Unavailable when a file cannot be read.
DatasetPtr load_idx(const Path& images, const Path& labels, std::uint32_t classes = 0, const DataLimits& limits = {});

// The images alone, all of class 0 of one.
DatasetPtr load_idx_images(const Path& images, const DataLimits& limits = {});

enum class LabelKind : std::uint8_t { Class, Real };

struct CsvOptions {
  bool header = true;
  char separator = ',';
  // Name (with header) or index from 0 (negative: from the end) of the label column; empty = last column.
  std::string label = {};
  // The column that says to whom an example belongs (a user, a device, a site), named like `label`; it is no feature.
  // Empty = there is none.
  std::string holder = {};
  LabelKind label_kind = LabelKind::Class;
  // Expected number of classes; 0 = as found.
  std::uint32_t classes = 0;
  // Texts of the classes, in order of their numbers; empty = as found. Give them where each of several files may lack
  // some of the texts, so that all files number alike.
  std::vector<std::string> class_names = {};
  // Subtract the mean and divide by the (population) standard deviation of each feature, learnt from this file. A
  // feature that never changes becomes 0.
  bool standardize = false;
  // Shape of one example's features; empty = {feature columns}. Its product must be the number of feature columns.
  std::vector<std::int64_t> shape = {};
};

// CSV (RFC 4180: quotes, doubled quotes, line breaks within quotes; LF or CRLF; blank lines at the end), UTF-8, plain
// or gzip by content. Every column but label and holder is a feature. Holders are any texts, numbered in their sorted
// order. Class labels are non-negative integers, or texts, which
// are numbered in order of their sorted names (or as class_names says); with `classes` given, texts must be that many.
// Throws Malformed naming file and line (and column): ragged row, open quote, not a number, not finite, label out of
// range, unknown label column (with the nearest name), no rows; Overloaded beyond `limits`; Unavailable.
DatasetPtr load_csv(const Path& path, const CsvOptions& options = {}, const DataLimits& limits = {});

// Examples held in memory: features examples x product(shape), labels examples x label_size. classes = 0: real labels.
// Throws Malformed, naming the example: lengths that do not fit, a value that is not finite, a label that is not an
// integer below `classes`. `holders`: of each example, or empty.
DatasetPtr in_memory(std::vector<std::int64_t> shape, std::vector<float> features, std::vector<float> labels,
                     std::uint32_t classes, std::vector<std::uint32_t> holders = {});

// Index file: text, one decimal index a line, '#' comments, blank lines. Keeps the order. Throws Malformed naming file
// and line: not a number, index >= dataset size, index listed twice; no index at all; Unavailable.
std::vector<std::uint32_t> load_index(const Path& path, std::uint32_t dataset_size);
// Replaces the file as a whole. Throws Unavailable.
void save_index(const Path& path, std::span<const std::uint32_t> indices);

}  // namespace tributary::data
