#include "common/model/parameters.h"

#include <algorithm>
#include <numeric>

#include "common/base/error.h"

namespace tributary::model {

namespace {

constexpr std::uint64_t kMaxElements = std::uint64_t{1} << 34;

std::uint64_t elements_of(const TensorSpec& spec) {
  std::uint64_t count = 1;
  for (const std::int64_t dimension : spec.shape) {
    if (dimension < 1) fail(Error::Kind::Malformed, "parameter '" + spec.name + "': a dimension is below 1");
    count = checked_multiply(count, static_cast<std::uint64_t>(dimension), spec.name);
  }
  return count;
}

void describe(const TensorSpec& spec, ByteWriter& writer) {
  writer.put_text(spec.name);
  writer.put(static_cast<std::uint32_t>(spec.shape.size()));
  for (const std::int64_t dimension : spec.shape) writer.put(dimension);
  writer.put(static_cast<std::uint8_t>(spec.role));
  writer.put(spec.channels);
  writer.put(spec.channel_stride);
}

}  // namespace

ParameterLayout::ParameterLayout(std::vector<TensorSpec> tensors)
    : tensors_(std::move(tensors)), by_name_(tensors_.size()) {
  ByteWriter writer;
  for (TensorSpec& spec : tensors_) {
    if (spec.name.empty()) fail(Error::Kind::Malformed, "a parameter has no name");
    spec.offset = size_;
    spec.size = elements_of(spec);
    size_ = checked_add(size_, spec.size, spec.name);
    if (size_ > kMaxElements) {
      fail(Error::Kind::Malformed,
           "parameter '" + spec.name + "': the parameters up to here have more than 2^34 values");
    }
    if (spec.channels < 1 || spec.channel_stride < 1 || spec.size % spec.channels != 0) {
      fail(Error::Kind::Malformed, "parameter '" + spec.name + "': its channels do not divide its elements");
    }
    describe(spec, writer);
  }
  digest_ = sha256(writer.bytes());
  std::iota(by_name_.begin(), by_name_.end(), std::size_t{0});
  const auto name = [this](std::size_t i) -> const std::string& { return tensors_[i].name; };
  std::ranges::sort(by_name_, {}, name);
  const auto repeated = std::ranges::adjacent_find(by_name_, {}, name);
  if (repeated != by_name_.end()) fail(Error::Kind::Malformed, "parameter '" + name(*repeated) + "' stands twice");
}

const TensorSpec* ParameterLayout::find(std::string_view name) const {
  const auto name_of = [this](std::size_t i) -> std::string_view { return tensors_[i].name; };
  const auto found = std::ranges::lower_bound(by_name_, name, {}, name_of);
  return found != by_name_.end() && name_of(*found) == name ? &tensors_[*found] : nullptr;
}

ParameterSet::ParameterSet(LayoutPtr layout) : layout_(std::move(layout)), values_(layout_->size()) {}

ParameterSet::ParameterSet(LayoutPtr layout, std::vector<float> values)
    : layout_(std::move(layout)), values_(std::move(values)) {
  TRIBUTARY_CHECK(values_.size() == layout_->size());
}

Digest digest_of(const ParameterSet& parameters) {
  Sha256 hash;
  hash.update(parameters.layout().digest().bytes);
  hash.update(std::as_bytes(parameters.values()));
  return hash.finish();
}

}  // namespace tributary::model
