// common/model/parameters.h
//
// The parameters of a model: one float32 arena with names and shapes. A layout is immutable and shared; a ParameterSet
// is a value. Everything that travels, is folded, clipped or optimised is one flat span of floats in layout order.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/digest.h"

namespace tributary::model {

enum class Role : std::uint8_t {
  Weight,  // matrix or kernel: pruned and quantised in the edge copy
  Vector,  // bias, normalisation scale and shift, other trainable values: stay float32
  State,   // batch statistics: averaged over participants, never optimised, never quantised
};

struct TensorSpec {
  std::string name;
  std::vector<std::int64_t> shape;
  Role role = Role::Vector;
  // Position of the first element in the arena, and number of elements.
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  // Output channels (Role::Weight only): element i of the tensor belongs to channel (i / channel_stride) % channels.
  // A [out, in] matrix has channels = out, channel_stride = in; an [in, out] one channels = out, channel_stride = 1.
  std::uint64_t channels = 1;
  std::uint64_t channel_stride = 1;

  friend bool operator==(const TensorSpec&, const TensorSpec&) = default;
};

// Names, shapes and places of a model's parameters. Immutable; any thread.
class ParameterLayout {
 public:
  // Computes offsets and sizes from the shapes, in the order given. Throws Malformed: empty or repeated name,
  // dimension below 1, sizes that overflow or more than 2^34 elements, channels that do not divide the elements.
  explicit ParameterLayout(std::vector<TensorSpec> tensors);

  std::span<const TensorSpec> tensors() const { return tensors_; }
  // Elements in the arena.
  std::uint64_t size() const { return size_; }
  // Nullptr when there is no such tensor.
  const TensorSpec* find(std::string_view name) const;
  // SHA-256 over names, shapes, roles and channels, in order: equal digests mean that arenas are interchangeable.
  const Digest& digest() const { return digest_; }

 private:
  std::vector<TensorSpec> tensors_;
  std::vector<std::size_t> by_name_;  // indices into tensors_, sorted by name
  std::uint64_t size_ = 0;
  Digest digest_;
};

using LayoutPtr = std::shared_ptr<const ParameterLayout>;

// A layout and its values. Copying copies the arena. Distinct objects may be used from distinct threads.
class ParameterSet {
 public:
  ParameterSet() = default;
  // All zero.
  explicit ParameterSet(LayoutPtr layout);
  // REQUIRES: values.size() == layout->size().
  ParameterSet(LayoutPtr layout, std::vector<float> values);

  const ParameterLayout& layout() const { return *layout_; }
  const LayoutPtr& layout_ptr() const { return layout_; }
  bool empty() const { return layout_ == nullptr; }
  std::span<float> values() { return values_; }
  std::span<const float> values() const { return values_; }
  std::span<float> tensor(const TensorSpec& spec) { return values().subspan(spec.offset, spec.size); }
  std::span<const float> tensor(const TensorSpec& spec) const { return values().subspan(spec.offset, spec.size); }
  // The arena; the set is empty() afterwards.
  std::vector<float> take_values() {
    layout_.reset();
    return std::exchange(values_, {});
  }

 private:
  LayoutPtr layout_;
  std::vector<float> values_;
};

// SHA-256 over the layout digest and the bits of the values: the model_digest of reports.
Digest digest_of(const ParameterSet& parameters);

}  // namespace tributary::model
