// tests/data/support.h
//
// What the tests of data write into files, and read of data sets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <zlib.h>

#include "common/data/dataset.h"
#include "tests/support.h"

namespace tributary::data {

inline std::string gzipped(std::string_view plain) {
  z_stream stream{};
  deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, static_cast<uLong>(plain.size())) + 64, '\0');
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

// An IDX file of unsigned bytes: the header says `shape`, whatever `values` are.
inline std::string idx(const std::vector<std::uint32_t>& shape, const std::string& values, char type = 0x08) {
  std::string file{0, 0, type, static_cast<char>(shape.size())};
  for (const std::uint32_t d : shape) {
    for (const int shift : {24, 16, 8, 0}) file += static_cast<char>(d >> shift & 0xFF);
  }
  return file + values;
}

struct Examples {
  std::vector<float> features;
  std::vector<float> labels;
};

inline Examples read(const Dataset& dataset, const std::vector<std::uint32_t>& indices) {
  Examples examples;
  examples.features.resize(indices.size() * dataset.feature_size());
  examples.labels.resize(indices.size() * dataset.label_size());
  dataset.read(indices, examples.features, examples.labels);
  return examples;
}

inline Examples read_all(const DatasetPtr& dataset) {
  return read(*dataset, whole(dataset).indices);
}

}  // namespace tributary::data
