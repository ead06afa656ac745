#include "common/codec/edge_format.h"

#include <array>
#include <string>

#include "common/base/error.h"

namespace tributary::codec {

namespace {

constexpr std::string_view kMagic = "TREC";
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 64;  // at least
constexpr std::uint64_t kLongRun = 64;
constexpr std::uint64_t kShortestRow = 1024;

constexpr std::array<const WeightFormat*, 2> kFormats = {&kInt8Weights, &kFloat32Weights};

}  // namespace

std::vector<EdgeBlock> edge_blocks(std::span<const model::TensorSpec* const> weights) {
  std::vector<EdgeBlock> blocks;
  for (std::size_t t = 0; t < weights.size(); ++t) {
    const std::uint64_t size = weights[t]->size;
    for (std::uint64_t begin = 0; begin < size; begin += kEdgeBlock) {
      blocks.push_back({t, begin, std::min(size, begin + kEdgeBlock)});
    }
  }
  return blocks;
}

std::vector<const model::TensorSpec*> weights_of(const model::ParameterLayout& layout) {
  std::vector<const model::TensorSpec*> weights;
  for (const model::TensorSpec& spec : layout.tensors()) {
    if (spec.role == model::Role::Weight) weights.push_back(&spec);
  }
  return weights;
}

ChannelRuns::ChannelRuns(const model::TensorSpec& spec)
    : channels_(spec.channels), stride_(spec.channel_stride), each_(spec.channel_stride < kLongRun), slots_(channels_) {
  TRIBUTARY_CHECK(channels_ > 0 && stride_ > 0 && channels_ <= spec.size && stride_ <= spec.size);
  if (channels_ == 1) {
    each_ = false;
    stride_ = spec.size;
  }
  if (!each_) return;
  const std::uint64_t row = channels_ * stride_;
  slots_ = row * ((kShortestRow + row - 1) / row);
}

const WeightFormat* weight_format(unsigned bits) {
  const auto found = std::find_if(kFormats.begin(), kFormats.end(), [=](const auto* f) { return f->bits == bits; });
  return found == kFormats.end() ? nullptr : *found;
}

void put_header(ByteWriter& out, const EdgeHeader& header) {
  out.put_bytes(as_bytes(kMagic));
  out.put(kVersion);
  out.put(static_cast<std::uint8_t>(header.bits));
  out.put(std::uint16_t{0});
  out.put_bytes(header.layout.bytes);
}

EdgeHeader read_header(ByteReader& in) {
  if (as_text(in.get_bytes(kMagic.size())) != kMagic) fail(Error::Kind::Malformed, "edge copy: not an edge copy");
  if (const unsigned version = in.get<std::uint8_t>(); version != kVersion) {
    fail(Error::Kind::Unsupported,
         "edge copy: version " + std::to_string(version) + ", this program reads version 1; update it");
  }
  EdgeHeader header;
  header.bits = in.get<std::uint8_t>();
  if (weight_format(header.bits) == nullptr) {
    fail(Error::Kind::Unsupported,
         "edge copy: weights of " + std::to_string(header.bits) + " bits; update this program");
  }
  if (in.get<std::uint16_t>() != 0) fail(Error::Kind::Malformed, "edge copy: a reserved field is not 0");
  header.layout = Digest::from_bytes(in.get_bytes(32));
  return header;
}

Bytes join_blob(unsigned bits, const model::ParameterLayout& layout, std::vector<Bytes> records,
                const OtherTensors& other) {
  std::size_t bytes = 0;
  for (const Bytes& each : records) bytes += each.size();
  for (const model::TensorSpec& spec : layout.tensors()) {
    if (spec.role != model::Role::Weight) bytes += spec.size * sizeof(float);
  }
  ByteWriter blob;
  blob.reserve(bytes + kHeaderBytes);
  put_header(blob, {bits, layout.digest()});
  auto record = records.begin();
  for (const model::TensorSpec& spec : layout.tensors()) {
    if (spec.role == model::Role::Weight) {
      blob.put_bytes(*record);
      *record++ = Bytes();
    } else {
      blob.put_bytes(std::as_bytes(other(spec)));
    }
  }
  return blob.take();
}

std::unique_ptr<WeightFormat::Reader> read_records(ByteReader& in, unsigned bits, const model::ParameterLayout& layout,
                                                   const OtherPlaces& place) {
  auto reader = weight_format(bits)->reader();
  for (const model::TensorSpec& spec : layout.tensors()) {
    if (spec.role == model::Role::Weight) {
      reader->read_record(in, spec);
    } else {
      read_other(in, spec, place);
    }
  }
  in.expect_end();
  return reader;
}

void read_other(ByteReader& in, const model::TensorSpec& spec, const OtherPlaces& place) {
  const ByteSpan raw = in.get_bytes(spec.size * sizeof(float));
  const std::span<float> values = place(spec);
  std::memcpy(values.data(), raw.data(), raw.size());
  if (kernels().max_magnitude(values.data(), values.size()) >= kInfinity) {
    refuse_edge_copy("has a value that is not finite", spec);
  }
}

void check_size(const model::ParameterLayout& layout, const DecodeLimits& limits) {
  if (layout.size() > limits.max_parameters) {
    fail(Error::Kind::Overloaded, "edge copy: the model has " + std::to_string(layout.size()) +
                                      " parameters, at most " + std::to_string(limits.max_parameters) + " allowed");
  }
}

void refuse_edge_copy(std::string_view reason, const model::TensorSpec& spec) {
  fail(Error::Kind::Malformed, "edge copy: tensor '" + spec.name + "' " + std::string(reason));
}

}  // namespace tributary::codec
