#include "common/codec/edge_format.h"

#include <bit>
#include <string>

#include "common/base/error.h"

namespace tributary::codec {

namespace {

constexpr std::string_view kMagic = "TREC";
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 64;  // at least
constexpr std::uint64_t kLongRun = 64;
constexpr unsigned kLargestScaleBlock = 1u << 15;  // divides kEdgeBlock
constexpr std::uint64_t kShortestRow = 1024;

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

ScaleGroups scale_groups(const model::TensorSpec& spec, unsigned block) {
  if (block == 0) return {spec.channels, spec.channel_stride};
  return {(spec.size + block - 1) / block, std::min<std::uint64_t>(block, spec.size)};
}

ChannelRuns::ChannelRuns(const model::TensorSpec& spec, unsigned block)
    : channels_(scale_groups(spec, block).count),
      stride_(scale_groups(spec, block).stride),
      each_(stride_ < kLongRun),
      wraps_(channels_ * stride_ < spec.size),
      slots_(channels_) {
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
  if (bits == 32) return &kFloat32Weights;
  return largest_integer(bits) != 0 ? &kIntegerWeights : nullptr;
}

bool is_block(unsigned block) {
  return block == 0 || (std::has_single_bit(block) && block >= kLongRun && block <= kLargestScaleBlock);
}

void put_header(ByteWriter& out, const EdgeHeader& header) {
  out.put_bytes(as_bytes(kMagic));
  out.put(kVersion);
  out.put(static_cast<std::uint8_t>(header.bits));
  out.put(static_cast<std::uint16_t>(header.block));
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
  header.block = in.get<std::uint16_t>();
  if (!is_block(header.block) || (header.bits == 32 && header.block != 0)) {
    fail(Error::Kind::Malformed, "edge copy: blocks of " + std::to_string(header.block) + " weights");
  }
  header.layout = Digest::from_bytes(in.get_bytes(32));
  return header;
}

Bytes join_blob(const EdgeHeader& header, const model::ParameterLayout& layout, std::vector<EdgeRecord> records,
                const OtherTensors& other, Bytes memory) {
  std::size_t bytes = kHeaderBytes;
  for (const EdgeRecord& record : records) {
    for (const ByteSpan piece : record.pieces) bytes += piece.size();
  }
  for (const model::TensorSpec& spec : layout.tensors()) {
    if (spec.role != model::Role::Weight) bytes += spec.size * sizeof(float);
  }
  Bytes blob = std::move(memory);
  blob.clear();
  blob.reserve(bytes);
  const auto append = [&blob](ByteSpan piece) { blob.insert(blob.end(), piece.begin(), piece.end()); };
  ByteWriter head;
  put_header(head, header);
  append(head.bytes());
  auto record = records.begin();
  for (const model::TensorSpec& spec : layout.tensors()) {
    if (spec.role == model::Role::Weight) {
      for (const ByteSpan piece : record->pieces) append(piece);
      *record++ = EdgeRecord();
    } else {
      append(std::as_bytes(other(spec)));
    }
  }
  return blob;
}

std::unique_ptr<WeightFormat::Reader> read_records(ByteReader& in, const EdgeHeader& header,
                                                   const model::ParameterLayout& layout, const OtherPlaces& place) {
  auto reader = weight_format(header.bits)->reader(header);
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
