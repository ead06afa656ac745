#include "common/codec/rans.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/random.h"
#include "tests/codec/unaligned.h"

namespace tributary::codec {
namespace {

using Symbols = std::vector<std::uint8_t>;

SymbolModel model_with(std::initializer_list<std::pair<unsigned, unsigned>> frequencies) {
  SymbolModel model;
  model.kind = SymbolModel::Kind::Coded;
  for (const auto& [symbol, frequency] : frequencies) model.frequency[symbol] = static_cast<std::uint16_t>(frequency);
  return model;
}

SymbolModel random_model(RandomStream& random) {
  SymbolModel model;
  model.kind = SymbolModel::Kind::Coded;
  const std::size_t kinds = 2 + random.below(255);
  const auto symbols = random.permutation(256);
  for (std::size_t k = 0; k < kinds; ++k) model.frequency[symbols[k]] = 1;
  for (unsigned left = kProbabilityOne - static_cast<unsigned>(kinds); left > 0;) {
    const auto part = static_cast<unsigned>(1 + random.below(left));
    auto& f = model.frequency[symbols[random.below(kinds)]];
    f = static_cast<std::uint16_t>(f + part);
    left -= part;
  }
  return model;
}

// Symbols as frequent as the model says.
Symbols drawn_from(const SymbolModel& model, std::size_t count, RandomStream& random) {
  Symbols table, symbols;
  for (unsigned s = 0; s < 256; ++s) table.insert(table.end(), model.frequency[s], static_cast<std::uint8_t>(s));
  for (std::size_t i = 0; i < count; ++i) symbols.push_back(table[random.below(table.size())]);
  return symbols;
}

Bytes encoded(const SymbolModel& model, const Symbols& symbols) {
  Bytes stream;
  const std::size_t length = RansEncoder(model).encode(symbols, stream);
  EXPECT_EQ(length, stream.size());
  return stream;
}

// What every variant gives, or nothing when every variant refuses.
std::optional<Symbols> decoded(const SymbolModel& model, ByteSpan stream, std::size_t count) {
  std::optional<Symbols> first;
  bool is_first = true;
  for (const Kernels* kernels : available_kernels()) {
    Unaligned<std::uint8_t> out(count, 0);
    std::optional<Symbols> got;
    try {
      RansDecoder(model).decode(stream, count, out.data(), *kernels);
      got.emplace(out.begin(), out.end());
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::Malformed);
    }
    if (std::exchange(is_first, false)) {
      first = got;
    } else {
      EXPECT_EQ(got, first) << kernels->name;
    }
  }
  return first;
}

TEST(Rans, SymbolsComeBackWhateverTheirNumber) {
  RandomStream random(1, "rans");
  for (std::size_t count = 0; count < 300; ++count) {
    const SymbolModel model = random_model(random);
    const Symbols symbols = drawn_from(model, count, random);
    ASSERT_EQ(decoded(model, encoded(model, symbols), count), symbols) << count;
  }
  for (const std::size_t count : {5000, 16383, 16384, 16385, 16415, 16416, 65536, 100001}) {
    const SymbolModel model = random_model(random);
    const Symbols symbols = drawn_from(model, count, random);
    ASSERT_EQ(decoded(model, encoded(model, symbols), count), symbols) << count;
  }
}

TEST(Rans, EveryFrequencyOfASymbolWorks) {
  RandomStream random(2, "rans");
  for (unsigned f = 1; f < kProbabilityOne; ++f) {
    const SymbolModel model = model_with({{3, f}, {250, kProbabilityOne - f}});
    const Symbols symbols = drawn_from(model, 64, random);
    ASSERT_EQ(decoded(model, encoded(model, symbols), 64), symbols) << f;
  }
}

TEST(Rans, SymbolsThatTheModelThinksRareComeBackToo) {
  const SymbolModel model = model_with({{0, 1}, {255, kProbabilityOne - 1}});
  for (const std::size_t count : {std::size_t{77}, std::size_t{20000}}) {
    const Symbols rare(count, 0);
    const Bytes stream = encoded(model, rare);
    EXPECT_NEAR(static_cast<double>(stream.size()) * 8, 12.0 * static_cast<double>(count), 1100);
    EXPECT_EQ(decoded(model, stream, count), rare);
  }
}

TEST(Rans, AStreamIsAsLongAsItsEntropySays) {
  RandomStream random(3, "rans");
  for (int trial = 0; trial < 20; ++trial) {
    const SymbolModel model = random_model(random);
    const Symbols symbols = drawn_from(model, 100'000, random);
    double bits = 32 * 32;
    for (const std::uint8_t s : symbols) bits += kProbabilityBits - std::log2(model.frequency[s]);
    EXPECT_NEAR(static_cast<double>(encoded(model, symbols).size()) * 8, bits, bits * 0.001 + 600);
  }
}

TEST(Rans, EveryTruncationAndExtensionIsRefused) {
  RandomStream random(4, "rans");
  const SymbolModel model = random_model(random);
  for (const std::size_t count : {std::size_t{200}, std::size_t{17000}}) {
    Bytes stream = encoded(model, drawn_from(model, count, random));
    for (std::size_t length = 0; length < stream.size(); length += 1 + count / 3000) {
      ASSERT_FALSE(decoded(model, ByteSpan(stream).first(length), count)) << length;
    }
    for (int extra = 1; extra < 70; ++extra) {
      stream.push_back(std::byte{0});
      ASSERT_FALSE(decoded(model, stream, count)) << extra;
    }
  }
}

TEST(Rans, AFlippedBitIsRefusedOrGivesSymbolsOfTheModel) {
  RandomStream random(5, "rans");
  const SymbolModel model = model_with({{1, 2000}, {2, 2000}, {200, 96}});
  for (const std::size_t count : {std::size_t{100}, std::size_t{16400}}) {
    const Bytes whole = encoded(model, drawn_from(model, count, random));
    for (std::size_t bit = 0; bit < whole.size() * 8; bit += 1 + count / 1000) {
      Bytes stream = whole;
      stream[bit / 8] ^= std::byte{1} << (bit % 8);
      const auto symbols = decoded(model, stream, count);
      if (!symbols) continue;
      for (const std::uint8_t s : *symbols) ASSERT_GT(model.frequency[s], 0);
    }
  }
}

TEST(Rans, NoSymbolsAreNoBytes) {
  const SymbolModel model = model_with({{1, 2048}, {2, 2048}});
  EXPECT_TRUE(encoded(model, {}).empty());
  EXPECT_FALSE(decoded(model, Bytes(2), 0));
}

}  // namespace
}  // namespace tributary::codec
