// common/data/source.h
//
// Examples as a configuration names them: the programs' keys data.* map one to one to DataSource.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/data/dataset.h"

namespace tributary::data {

struct DataSource {
  std::string prefix = "data";  // of the keys, for messages: "data" or "evaluation"
  std::string format = "idx";   // data.format: "idx" or "csv"
  Path images;                  // data.images, idx only
  Path labels;                  // data.labels, idx only
  Path file;                    // data.file, csv only
  // csv only: data.label, data.holder, data.separator, data.header, data.standardize, data.label_kind,
  // data.class_names, data.shape. csv.classes is not looked at: `classes` below rules both formats.
  CsvOptions csv;
  std::uint32_t classes = 0;  // data.classes; 0 = as found
  // No key: false where labels are not looked at. data.labels may be left out then; all are of class 0.
  bool labelled = true;
  Path index;  // data.subset: index file of the examples to use; empty = all
};

// The whole data set, whatever source.index says: load once, then subset() for each of many participants.
// Throws Malformed naming the key: unknown format (with the nearest), a key that the format needs and that is not set,
// one that belongs to the other format; besides what load_idx and load_csv throw.
DatasetPtr load(const DataSource& source, const DataLimits& limits = {});

// The examples that an index file lists; all where `index` is empty. Throws what load_index throws.
View subset(DatasetPtr dataset, const Path& index);

// load() and subset() in one.
View open(const DataSource& source, const DataLimits& limits = {});

// A source of the same examples whose IDX files are plain, so that any number of processes share one mapped copy:
// those that are gzip are checked and written, decompressed, to `directory`; all else stays as it is. Throws what
// load() throws, and Unavailable when `directory` cannot be written.
DataSource unpack(const DataSource& source, const Path& directory, const DataLimits& limits = {});

// "class", "real". Throws Malformed naming data.label_kind.
LabelKind label_kind_from(std::string_view name);

}  // namespace tributary::data
