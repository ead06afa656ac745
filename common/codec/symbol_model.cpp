#include "common/codec/symbol_model.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>

#include "common/base/error.h"

namespace tributary::codec {

namespace {

constexpr std::uint8_t kRaw = 0, kConstant = 1, kBits = 2, kTable = 0x80, kSymmetric = 0x40;
constexpr unsigned kMaxWidth = 4;
constexpr unsigned kWeightBits = 5;
constexpr unsigned kMaxWeight = (1u << kWeightBits) - 1;

using Weights = std::array<std::uint64_t, 256>;

// round(2^((e - 1) / 2)); the odd powers as integers, so that every machine has the same.
std::uint64_t weight_of(unsigned e) {
  if (e == 0) return 0;
  const unsigned half = (e - 1) / 2;
  return (e - 1) % 2 == 0 ? std::uint64_t{1} << half : ((std::uint64_t{92682} << half) + 32768) >> 16;
}

// Scales weights to frequencies that sum to 2^12, at least 1 where the weight is not 0. What the rare symbols get
// beyond their share, all others pay in proportion. Integers only: both ends agree. REQUIRES: at least two weights are
// not 0; the sum of all is below 2^51.
std::array<std::uint16_t, 256> normalize(const Weights& weights) {
  std::uint64_t total = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
  std::uint64_t budget = kProbabilityOne;
  std::array<std::uint16_t, 256> frequency{};
  for (bool again = true; std::exchange(again, false);) {
    for (unsigned s = 0; s < 256; ++s) {
      if (frequency[s] != 0 || weights[s] == 0 || weights[s] * budget >= total) continue;
      frequency[s] = 1;
      total -= weights[s];
      --budget;
      again = true;
    }
  }
  int sum = 0;
  for (unsigned s = 0; s < 256; ++s) {
    if (frequency[s] == 0 && weights[s] != 0) {
      const std::uint64_t share = (weights[s] * budget + total / 2) / total;
      frequency[s] = static_cast<std::uint16_t>(std::min<std::uint64_t>(share, kProbabilityOne - 1));
    }
    sum += frequency[s];
  }
  // Rounding errors go to the most frequent, which feel them least.
  for (const int one = static_cast<int>(kProbabilityOne); sum != one;) {
    auto& largest = *std::max_element(frequency.begin(), frequency.end());
    largest = static_cast<std::uint16_t>(sum > one ? largest - 1 : largest + 1);
    sum += sum > one ? -1 : 1;
  }
  return frequency;
}

Weights bit_weights(std::uint32_t p) {
  std::array<std::uint64_t, 9> by_ones{};
  for (unsigned ones = 0; ones <= 8; ++ones) {
    std::uint64_t w = std::uint64_t{1} << 32;
    for (unsigned bit = 0; bit < 8; ++bit) w = w * (bit < ones ? p : 65536 - p) >> 16;
    by_ones[ones] = std::max<std::uint64_t>(w, 1);
  }
  Weights weights{};
  for (unsigned s = 0; s < 256; ++s) weights[s] = by_ones[static_cast<unsigned>(std::popcount(s))];
  return weights;
}

// The buckets of a table model.
struct Buckets {
  Alphabet alphabet = Alphabet::Values;
  bool symmetric = false;
  unsigned width = 0;

  unsigned count() const {
    const unsigned largest = alphabet == Alphabet::Values ? 127 : 128;
    const unsigned symbols = alphabet == Alphabet::Masks ? 256 : symmetric ? largest : largest + 128;
    return ((symbols - 1) >> width) + 1;
  }
  std::optional<unsigned> of(unsigned symbol) const {
    if (alphabet == Alphabet::Masks) return symbol >> width;
    const int value = static_cast<std::int8_t>(symbol);
    if (value == 0 || (value == -128 && alphabet == Alphabet::Values)) return std::nullopt;
    const int least = alphabet == Alphabet::Values ? -127 : -128;
    return static_cast<unsigned>(symmetric ? std::abs(value) - 1 : value - least) >> width;
  }
};

Weights table_weights(const Buckets& buckets, const std::array<std::uint8_t, 256>& exponents) {
  Weights weights{};
  for (unsigned s = 0; s < 256; ++s) {
    if (const auto bucket = buckets.of(s)) weights[s] = weight_of(exponents[*bucket]);
  }
  return weights;
}

unsigned present(const Weights& weights) {
  return static_cast<unsigned>(std::count_if(weights.begin(), weights.end(), [](std::uint64_t w) { return w != 0; }));
}

double coded_bits(const Counts& counts, const SymbolModel& model) {
  double bits = 0;
  for (unsigned s = 0; s < 256; ++s) {
    if (counts[s] == 0) continue;
    bits += static_cast<double>(counts[s]) * (kProbabilityBits - std::log2(static_cast<double>(model.frequency[s])));
  }
  return bits;
}

struct Candidate {
  SymbolModel model;
  Bytes description;
  double bits = 0;  // of the stream and the description
};

Candidate make_candidate(const Counts& counts, const Weights& weights, ByteWriter description) {
  Candidate made;
  made.model.kind = SymbolModel::Kind::Coded;
  made.model.frequency = normalize(weights);
  made.description = description.take();
  made.bits = coded_bits(counts, made.model) + 8.0 * static_cast<double>(made.description.size());
  return made;
}

std::optional<Candidate> bits_candidate(const Counts& counts, std::uint64_t total) {
  std::uint64_t ones = 0;
  for (unsigned s = 0; s < 256; ++s) ones += counts[s] * static_cast<unsigned>(std::popcount(s));
  const double p = std::round(static_cast<double>(ones) / (8.0 * static_cast<double>(total)) * 65536);
  const auto chosen = static_cast<std::uint16_t>(std::clamp(p, 1.0, 65535.0));
  ByteWriter description;
  description.put(kBits);
  description.put(chosen);
  return make_candidate(counts, bit_weights(chosen), std::move(description));
}

std::optional<Candidate> table_candidate(const Counts& counts, const Buckets& buckets) {
  std::array<double, 256> sum{};
  std::array<unsigned, 256> members{};
  for (unsigned s = 0; s < 256; ++s) {
    if (const auto bucket = buckets.of(s)) {
      sum[*bucket] += static_cast<double>(counts[s]);
      ++members[*bucket];
    }
  }
  double largest = 0;
  for (unsigned b = 0; b < buckets.count(); ++b) largest = std::max(largest, sum[b] / members[b]);
  std::array<std::uint8_t, 256> exponents{};
  unsigned first = buckets.count(), last = 0;
  for (unsigned b = 0; b < buckets.count(); ++b) {
    if (sum[b] == 0) continue;
    const double steps = std::round(2 * std::log2(sum[b] / members[b] / largest));
    exponents[b] = static_cast<std::uint8_t>(std::max(1.0, kMaxWeight + steps));
    first = std::min(first, b);
    last = b;
  }
  const Weights weights = table_weights(buckets, exponents);
  if (present(weights) < 2) return std::nullopt;

  ByteWriter description;
  description.put(static_cast<std::uint8_t>(kTable | (buckets.symmetric ? kSymmetric : 0) | buckets.width));
  description.put(static_cast<std::uint8_t>(first));
  description.put(static_cast<std::uint8_t>(last));
  unsigned pending = 0, filled = 0;
  for (unsigned b = first; b <= last; ++b) {
    pending |= static_cast<unsigned>(exponents[b]) << filled;
    for (filled += kWeightBits; filled >= 8; filled -= 8, pending >>= 8) {
      description.put(static_cast<std::uint8_t>(pending & 0xFFu));
    }
  }
  if (filled > 0) description.put(static_cast<std::uint8_t>(pending));
  return make_candidate(counts, weights, std::move(description));
}

[[noreturn]] void refuse() {
  fail(Error::Kind::Malformed, "edge copy: a symbol model is not one that an encoder writes");
}

SymbolModel read_table(ByteReader& in, Alphabet alphabet, std::uint8_t head) {
  const Buckets buckets{alphabet, (head & kSymmetric) != 0, head & 0x3Fu};
  if (buckets.width > kMaxWidth || (buckets.symmetric && alphabet == Alphabet::Masks)) refuse();
  const unsigned first = in.get<std::uint8_t>(), last = in.get<std::uint8_t>();
  if (first > last || last >= buckets.count()) refuse();
  std::array<std::uint8_t, 256> exponents{};
  unsigned pending = 0, filled = 0;
  for (unsigned b = first; b <= last; ++b) {
    if (filled < kWeightBits) {
      pending |= static_cast<unsigned>(in.get<std::uint8_t>()) << filled;
      filled += 8;
    }
    exponents[b] = static_cast<std::uint8_t>(pending & kMaxWeight);
    pending >>= kWeightBits;
    filled -= kWeightBits;
  }
  const Weights weights = table_weights(buckets, exponents);
  if (pending != 0 || exponents[first] == 0 || exponents[last] == 0 || present(weights) < 2) refuse();
  SymbolModel model;
  model.kind = SymbolModel::Kind::Coded;
  model.frequency = normalize(weights);
  return model;
}

}  // namespace

SymbolModel fit_model(const Counts& counts, Alphabet alphabet, ByteWriter& out) {
  const std::uint64_t total = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  const auto only = std::find(counts.begin(), counts.end(), total);
  SymbolModel model;
  if (total > 0 && only != counts.end()) {
    model.kind = SymbolModel::Kind::Constant;
    model.constant = static_cast<std::uint8_t>(only - counts.begin());
    out.put(kConstant);
    out.put(model.constant);
    return model;
  }
  // Coding must save at least a 256th to be worth its time.
  double best_bits = 8.0 * static_cast<double>(total) * 255 / 256;
  Bytes best_description = {std::byte{kRaw}};
  const auto consider = [&](const std::optional<Candidate>& candidate) {
    if (!candidate || candidate->bits >= best_bits) return;
    best_bits = candidate->bits;
    best_description = candidate->description;
    model = candidate->model;
  };
  if (total > 0) {
    if (alphabet == Alphabet::Masks) consider(bits_candidate(counts, total));
    for (unsigned width = 0; width <= (alphabet == Alphabet::Masks ? 0u : kMaxWidth); ++width) {
      consider(table_candidate(counts, {alphabet, false, width}));
      if (alphabet != Alphabet::Masks) consider(table_candidate(counts, {alphabet, true, width}));
    }
  }
  out.put_bytes(best_description);
  return model;
}

SymbolModel read_model(ByteReader& in, Alphabet alphabet) {
  const auto head = in.get<std::uint8_t>();
  SymbolModel model;
  if (head == kRaw) return model;
  if (head == kConstant) {
    model.kind = SymbolModel::Kind::Constant;
    model.constant = in.get<std::uint8_t>();
    if (alphabet == Alphabet::Values && (model.constant & 0x7Fu) == 0) refuse();
    if (alphabet == Alphabet::Differences && model.constant == 0) refuse();
    return model;
  }
  if (head == kBits && alphabet == Alphabet::Masks) {
    const auto p = in.get<std::uint16_t>();
    if (p == 0) refuse();
    model.kind = SymbolModel::Kind::Coded;
    model.frequency = normalize(bit_weights(p));
    return model;
  }
  if ((head & kTable) == 0) refuse();
  return read_table(in, alphabet, head);
}

double entropy_bits(const Counts& counts) {
  const auto total = static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}));
  double bits = 0;
  for (const std::uint64_t count : counts) {
    if (count != 0) bits += static_cast<double>(count) * std::log2(total / static_cast<double>(count));
  }
  return bits;
}

}  // namespace tributary::codec
