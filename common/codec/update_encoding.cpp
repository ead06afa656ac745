#include <array>
#include <charconv>
#include <cmath>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/codec/update.h"

namespace tributary::codec {

namespace {

using Kind = UpdateEncoding::Kind;

constexpr std::uint64_t kHeaderBytes = 48;
constexpr double kLargestShare = 0.5;

struct Family {
  std::string_view name;
  Kind kind;
  std::string_view parameter;  // what --help calls it; empty = none
};

constexpr std::array<Family, 6> kFamilies = {{
    {"int8", Kind::Int8, ""},
    {"float32", Kind::Float32, ""},
    {"int4", Kind::Int4, ""},
    {"rotated", Kind::Rotated, "its bits, 1 to 4, as in rotated:2"},
    {"topk", Kind::Topk, "the share of weights that it keeps, above 0 and at most 0.5, as in topk:0.01"},
    {"ternary", Kind::Ternary, "the share of weights that it keeps, above 0 and at most 0.5, as in ternary:0.01"},
}};

const Family& family_of(Kind kind) {
  for (const Family& family : kFamilies) {
    if (family.kind == kind) return family;
  }
  fail(Error::Kind::Internal, "an update encoding without a name");
}

// "0.01" or "1/100".
std::optional<double> share_of(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return parse_double(text);
  const auto above = parse_double(text.substr(0, slash)), below = parse_double(text.substr(slash + 1));
  if (!above || !below || *below == 0) return std::nullopt;
  return *above / *below;
}

std::string shortest(double value) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

const Family& find_family(std::string_view name) {
  for (const Family& family : kFamilies) {
    if (family.name == name) return family;
  }
  const auto meant = nearest(name, supported_update_encodings());
  fail(Error::Kind::Malformed, "must be one of float32, int8, int4, rotated:B, topk:P, ternary:P" +
                                   (meant ? " (is \"" + *meant + "\" meant?)" : ""));
}

}  // namespace

UpdateEncoding UpdateEncoding::parse(std::string_view text) {
  const auto colon = text.find(':');
  const Family& family = find_family(text.substr(0, colon));
  const std::string_view parameter = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  UpdateEncoding encoding;
  encoding.kind_ = family.kind;
  bool good = false;
  if (family.parameter.empty()) {
    good = colon == std::string_view::npos;
  } else if (family.kind == Kind::Rotated) {
    const auto bits = parse_int(parameter);
    good = bits && *bits >= 1 && *bits <= 4;
    if (good) encoding.bits_ = static_cast<unsigned>(*bits);
  } else {
    const auto share = share_of(parameter);
    good = share && *share > 0 && *share <= kLargestShare;
    if (good) encoding.keep_ = *share;
  }
  if (!good) {
    const std::string name(family.name);
    fail(Error::Kind::Malformed, family.parameter.empty()
                                     ? "must be " + name + " alone, without a parameter"
                                     : "must be " + name + " with " + std::string(family.parameter));
  }
  return encoding;
}

std::string UpdateEncoding::family() const {
  return std::string(family_of(kind_).name);
}

std::string UpdateEncoding::text() const {
  if (kind_ == Kind::Rotated) return family() + ":" + std::to_string(bits_);
  return is_sparse() ? family() + ":" + shortest(keep_) : family();
}

std::uint64_t UpdateEncoding::expected_bytes(const model::ParameterLayout& layout) const {
  double bits = 8.0 * kHeaderBytes;
  for (const model::TensorSpec& spec : layout.tensors()) {
    const auto size = static_cast<double>(spec.size);
    const double blocks = std::ceil(size / 1024);
    if (spec.role != model::Role::Weight || kind_ == Kind::Float32) {
      bits += 32 * size;
    } else if (kind_ == Kind::Int8 || kind_ == Kind::Int4) {
      bits += size * (kind_ == Kind::Int8 ? 8 : 4) + 32 * blocks;
    } else if (kind_ == Kind::Rotated) {
      bits += size * bits_ + 32 * blocks / 4;
    } else {
      const double entropy = -keep_ * std::log2(keep_) - (1 - keep_) * std::log2(1 - keep_);
      bits += size * (entropy * 1.01 + keep_ * (kind_ == Kind::Topk ? 8 : 1)) + 72;
    }
  }
  return static_cast<std::uint64_t>(bits / 8);
}

UpdateEncoding encoding_within(const model::ParameterLayout& layout, std::uint64_t max_bytes) {
  UpdateEncoding encoding;
  for (const std::string_view text :
       {"float32", "int8", "rotated:4", "rotated:3", "rotated:2", "rotated:1", "ternary:0.1", "ternary:0.05",
        "ternary:0.02", "ternary:0.01", "ternary:0.005", "ternary:0.0025"}) {
    encoding = UpdateEncoding::parse(text);
    if (encoding.expected_bytes(layout) <= max_bytes) return encoding;
  }
  fail(Error::Kind::Malformed, "is below what the smallest encoding, " + encoding.text() +
                                   ", takes: " + std::to_string(encoding.expected_bytes(layout)) + " bytes");
}

std::vector<std::string> supported_update_encodings() {
  std::vector<std::string> names;
  for (const Family& family : kFamilies) names.emplace_back(family.name);
  return names;
}

std::uint64_t max_update_bytes(const model::ParameterLayout& layout, const UpdateEncoding& encoding) {
  // Of a kept weight, the gap takes at most log2(1/P) + 3 bits and the value 8, below twice what is expected; the rest
  // of a tensor that fills no block, at most 63 floats and seven scales.
  const std::uint64_t expected = encoding.expected_bytes(layout);
  return (encoding.is_sparse() ? 2 : 1) * expected + 512 * layout.tensors().size();
}

std::string_view name_of(UpdateFault fault) {
  switch (fault) {
    case UpdateFault::None:
      return "none";
    case UpdateFault::Malformed:
      return "malformed";
    case UpdateFault::WrongLayout:
      return "wrong layout";
    case UpdateFault::NotFinite:
      return "not finite";
    case UpdateFault::OutOfRange:
      return "out of range";
    case UpdateFault::NormTooLarge:
      return "norm too large";
  }
  return "malformed";
}

}  // namespace tributary::codec
