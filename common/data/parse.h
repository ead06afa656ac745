// common/data/parse.h
//
// The parsers behind load_idx, load_csv and load_index, over bytes that are in memory already. They touch no file;
// `name` is what messages call the input. Failures are those of dataset.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/data/dataset.h"

namespace tributary::data {

// An IDX file of unsigned bytes.
struct IdxTensor {
  std::string name;
  std::vector<std::uint32_t> shape;  // rank 1..4, no dimension 0
  ByteSpan values;                   // product(shape) bytes
  std::shared_ptr<const void> owner;
};

// Plain: values point into `file`, kept alive by `owner`. Gzip: values are decompressed, and the header is checked
// before anything is allocated for them.
IdxTensor parse_idx(ByteSpan file, std::shared_ptr<const void> owner, std::string name, const DataLimits& limits = {});

DatasetPtr idx_dataset(IdxTensor images, IdxTensor labels, std::uint32_t classes);

// Plain text.
DatasetPtr parse_csv(std::string_view text, std::string_view name, const CsvOptions& options,
                     const DataLimits& limits = {});

std::vector<std::uint32_t> parse_index(std::string_view text, std::string_view name, std::uint32_t dataset_size);

}  // namespace tributary::data
