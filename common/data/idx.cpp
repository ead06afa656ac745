#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/data/content.h"
#include "common/data/gzip.h"
#include "common/data/parse.h"

namespace tributary::data {

namespace {

// Two zero bytes, the element type, the rank; then each dimension as a big-endian u32; then the elements.
constexpr std::size_t kMagicBytes = 4;
constexpr std::size_t kMaxRank = 4;
constexpr std::size_t kMaxHeaderBytes = kMagicBytes + 4 * kMaxRank;
constexpr unsigned kUnsignedByte = 0x08;

struct ElementType {
  unsigned code;
  const char* name;
};
constexpr ElementType kOtherTypes[] = {{0x09, "signed bytes"},
                                       {0x0B, "16-bit integers"},
                                       {0x0C, "32-bit integers"},
                                       {0x0D, "32-bit floats"},
                                       {0x0E, "64-bit floats"}};

unsigned byte_at(ByteSpan bytes, std::size_t at) {
  return std::to_integer<unsigned>(bytes[at]);
}

std::uint32_t big_endian_at(ByteSpan bytes, std::size_t at) {
  return byte_at(bytes, at) << 24 | byte_at(bytes, at + 1) << 16 | byte_at(bytes, at + 2) << 8 | byte_at(bytes, at + 3);
}

[[noreturn]] void malformed(const std::string& name, const std::string& what) {
  fail(Error::Kind::Malformed, name + ": " + what);
}

std::string text_of(const std::vector<std::uint32_t>& shape) {
  std::string text;
  for (const std::uint32_t d : shape) text += (text.empty() ? "" : " x ") + std::to_string(d);
  return text;
}

void check_magic(ByteSpan head, const std::string& name) {
  if (head.size() < kMagicBytes) {
    malformed(name, "only " + std::to_string(head.size()) + " bytes: not an IDX file: fetch it again");
  }
  const unsigned type = byte_at(head, 2);
  const auto* other = std::find_if(std::begin(kOtherTypes), std::end(kOtherTypes),
                                   [&](const ElementType& known) { return known.code == type; });
  if (byte_at(head, 0) != 0 || byte_at(head, 1) != 0 || (type != kUnsignedByte && other == std::end(kOtherTypes))) {
    malformed(name, "not an IDX file: the first four bytes are not 00 00 08 and a rank: is data.format right?");
  }
  if (type != kUnsignedByte) {
    fail(Error::Kind::Unsupported, name + ": holds " + other->name + ": convert it to unsigned bytes (IDX type 08)");
  }
}

struct Header {
  std::vector<std::uint32_t> shape;
  std::size_t bytes = 0;          // of the header itself
  std::uint64_t value_bytes = 0;  // that it promises
};

// `head` is the first kMaxHeaderBytes of the file, or the whole of a shorter file.
Header parse_header(ByteSpan head, const std::string& name) {
  check_magic(head, name);
  Header header;
  const std::size_t rank = byte_at(head, 3);
  if (rank < 1 || rank > kMaxRank) {
    malformed(name, "rank " + std::to_string(rank) + " at byte 3: 1 to " + std::to_string(kMaxRank) + " expected");
  }
  header.bytes = kMagicBytes + 4 * rank;
  if (head.size() < header.bytes) malformed(name, "ends within its header: fetch it again");
  header.value_bytes = 1;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const std::size_t at = kMagicBytes + 4 * axis;
    header.shape.push_back(big_endian_at(head, at));
    if (header.shape.back() == 0) malformed(name, "dimension 0 at byte " + std::to_string(at) + ": holds no examples");
    header.value_bytes = checked_multiply(header.value_bytes, header.shape.back(), name);
  }
  return header;
}

void check_length(const Header& header, std::uint64_t found, const std::string& name) {
  if (found == header.value_bytes) return;
  const std::string promise =
      "its header promises " + text_of(header.shape) + " bytes from byte " + std::to_string(header.bytes) + " on, ";
  if (found > header.value_bytes) malformed(name, "too long: " + promise + "more follow: fetch it again");
  malformed(name, "too short: " + promise + std::to_string(found) + " are there: fetch it again");
}

// Nothing is allocated before the header's promise is known to be allowed and possible.
IdxTensor parse_compressed(ByteSpan file, std::string name, const DataLimits& limits) {
  GzipReader reader(file, name);
  std::byte head[kMaxHeaderBytes];
  const std::size_t head_bytes = reader.read(head);
  const Header header = parse_header(ByteSpan(head, head_bytes), name);
  const std::uint64_t total = checked_add(header.bytes, header.value_bytes, name);
  if (total > limits.max_bytes) {
    fail(Error::Kind::Overloaded, name + ": " + std::to_string(total) + " bytes after decompression, at most " +
                                      std::to_string(limits.max_bytes) + " allowed: decompress the file");
  }
  if (total < head_bytes) check_length(header, head_bytes - header.bytes, name);
  if (total / kMaxInflation > file.size()) {
    malformed(name, "too short: its header promises " + text_of(header.shape) + " bytes, which " +
                        std::to_string(file.size()) + " bytes of gzip cannot hold: fetch it again");
  }

  auto plain = std::make_shared<Bytes>(total);
  std::copy_n(head, head_bytes, plain->begin());
  const std::size_t found = head_bytes + reader.read(std::span(*plain).subspan(head_bytes));
  std::byte extra;
  check_length(header, found - header.bytes + reader.read(std::span(&extra, 1)), name);
  const ByteSpan values = ByteSpan(*plain).subspan(header.bytes);
  return {std::move(name), header.shape, values, std::move(plain)};
}

// Blocks of a constant length, because the compiler turns only those into vector instructions at -O2.
void scale_bytes(const std::uint8_t* __restrict from, std::size_t count, float* __restrict to) {
  constexpr std::size_t kBlock = 16;
  std::size_t i = 0;
  for (; i + kBlock <= count; i += kBlock) {
    for (std::size_t j = 0; j < kBlock; ++j) to[i + j] = static_cast<float>(from[i + j]) / 255.0f;
  }
  for (; i < count; ++i) to[i] = static_cast<float>(from[i]) / 255.0f;
}

class IdxDataset final : public Dataset {
 public:
  IdxDataset(IdxTensor images, IdxTensor labels, std::uint32_t classes)
      : images_(std::move(images)), labels_(std::move(labels)), classes_(classes) {
    shape_.assign(images_.shape.begin() + 1, images_.shape.end());
    if (images_.shape.size() == 3) shape_.insert(shape_.begin(), 1);
    feature_size_ = images_.values.size() / images_.shape[0];
  }
  std::uint32_t size() const override { return images_.shape[0]; }
  std::span<const std::int64_t> feature_shape() const override { return shape_; }
  std::size_t feature_size() const override { return feature_size_; }
  std::size_t label_size() const override { return 1; }
  std::uint32_t classes() const override { return classes_; }

  void read(std::span<const std::uint32_t> indices, std::span<float> features, std::span<float> labels) const override {
    const auto* images = reinterpret_cast<const std::uint8_t*>(images_.values.data());
    const auto* classes = reinterpret_cast<const std::uint8_t*>(labels_.values.data());
    for (std::size_t i = 0; i < indices.size(); ++i) {
      scale_bytes(images + indices[i] * feature_size_, feature_size_, features.data() + i * feature_size_);
      labels[i] = static_cast<float>(classes[indices[i]]);
    }
  }

  std::uint32_t label_of(std::uint32_t i) const override { return byte_at(labels_.values, i); }

 private:
  IdxTensor images_;
  IdxTensor labels_;
  std::uint32_t classes_;
  std::vector<std::int64_t> shape_;
  std::size_t feature_size_ = 0;
};

void check_pair(const IdxTensor& images, const IdxTensor& labels) {
  if (images.shape.size() == 1) {
    malformed(images.name, "rank 1, so labels, not images: are data.images and data.labels swapped?");
  }
  if (labels.shape.size() != 1) {
    malformed(labels.name, "rank " + std::to_string(labels.shape.size()) +
                               ", so images, not labels: are data.images and data.labels swapped?");
  }
  if (images.shape[0] != labels.shape[0]) {
    malformed(labels.name, std::to_string(labels.shape[0]) + " labels for the " + std::to_string(images.shape[0]) +
                               " images of " + images.name + ": use the two files that belong together");
  }
}

std::uint32_t check_labels(const IdxTensor& labels, std::uint32_t classes) {
  const auto largest = std::max_element(labels.values.begin(), labels.values.end());
  const auto found = std::to_integer<std::uint32_t>(*largest) + 1;
  if (classes == 0) return found;
  if (found > classes) {
    const auto i = largest - labels.values.begin();
    malformed(labels.name, "label " + std::to_string(found - 1) + " of example " + std::to_string(i) +
                               " is out of range: with data.classes = " + std::to_string(classes) + " at most " +
                               std::to_string(classes - 1));
  }
  return classes;
}

IdxTensor load_tensor(const Path& path, const DataLimits& limits) {
  Content file = map_file(path);
  return parse_idx(file.bytes, std::move(file.owner), path.string(), limits);
}

}  // namespace

IdxTensor parse_idx(ByteSpan file, std::shared_ptr<const void> owner, std::string name, const DataLimits& limits) {
  if (is_gzip(file)) return parse_compressed(file, std::move(name), limits);
  Header header = parse_header(file.first(std::min(file.size(), kMaxHeaderBytes)), name);
  const ByteSpan values = file.subspan(header.bytes);
  check_length(header, values.size(), name);
  return {std::move(name), std::move(header.shape), values, std::move(owner)};
}

DatasetPtr idx_dataset(IdxTensor images, IdxTensor labels, std::uint32_t classes) {
  check_pair(images, labels);
  classes = check_labels(labels, classes);
  return std::make_shared<IdxDataset>(std::move(images), std::move(labels), classes);
}

DatasetPtr load_idx(const Path& images, const Path& labels, std::uint32_t classes, const DataLimits& limits) {
  IdxTensor image_tensor = load_tensor(images, limits);
  return idx_dataset(std::move(image_tensor), load_tensor(labels, limits), classes);
}

DatasetPtr load_idx_images(const Path& images, const DataLimits& limits) {
  IdxTensor image_tensor = load_tensor(images, limits);
  const auto zeros = std::make_shared<const Bytes>(image_tensor.shape[0]);
  IdxTensor labels{"no labels", {image_tensor.shape[0]}, *zeros, zeros};
  return idx_dataset(std::move(image_tensor), std::move(labels), 1);
}

}  // namespace tributary::data
