#include "common/data/source.h"

#include <array>
#include <utility>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/data/content.h"
#include "common/data/gzip.h"

namespace tributary::data {

namespace {

constexpr const char* kIdx = "idx";
constexpr const char* kCsv = "csv";

[[noreturn]] void malformed(const std::string& what) {
  fail(Error::Kind::Malformed, what);
}

[[noreturn]] void fail_choice(const char* key, std::string_view value, const std::array<std::string, 2>& known) {
  const auto near = nearest(value, known);
  malformed(std::string(key) + ": unknown value " + shown(value) + ": " +
            (near ? "is " + shown(*near) + " meant?" : shown(known[0]) + " and " + shown(known[1]) + " are known"));
}

void need(const Path& path, const char* key, const char* what) {
  if (path.empty()) malformed(std::string(key) + " is not set: name the file that holds the " + what);
}

// `set`: whether a key is given that only the other format knows.
void refuse(bool set, const char* key, const char* format, const char* other) {
  if (!set) return;
  malformed(std::string(key) + " is set, which belongs to data.format = " + other + ", but data.format is " + format +
            ": remove one");
}

void check_idx(const DataSource& source) {
  refuse(!source.file.empty(), "data.file", kIdx, kCsv);
  refuse(!source.csv.label.empty(), "data.label", kIdx, kCsv);
  refuse(!source.csv.holder.empty(), "data.holder", kIdx, kCsv);
  refuse(source.csv.standardize, "data.standardize", kIdx, kCsv);
  refuse(!source.csv.shape.empty(), "data.shape", kIdx, kCsv);
  refuse(!source.csv.class_names.empty(), "data.class_names", kIdx, kCsv);
  refuse(source.csv.label_kind == LabelKind::Real, "data.label_kind = real", kIdx, kCsv);
  need(source.images, "data.images", "images");
  need(source.labels, "data.labels", "labels");
}

void check_csv(const DataSource& source) {
  refuse(!source.images.empty(), "data.images", kCsv, kIdx);
  refuse(!source.labels.empty(), "data.labels", kCsv, kIdx);
  need(source.file, "data.file", "rows");
}

void check(const DataSource& source) {
  if (source.format == kIdx) return check_idx(source);
  if (source.format == kCsv) return check_csv(source);
  fail_choice("data.format", source.format, {kIdx, kCsv});
}

Path unpack_file(const Path& path, const Path& directory, const DataLimits& limits) {
  const Content packed = map_file(path);
  if (!is_gzip(packed.bytes)) return path;
  Path name = path.filename();
  if (name.extension() == ".gz") name.replace_extension();
  const Path plain = directory / name;
  RealFiles files;
  files.make_directories(directory);
  write_atomically(files, plain, gunzip(packed.bytes, path.string(), limits.max_bytes), Durability::Buffered);
  return plain;
}

}  // namespace

DatasetPtr load(const DataSource& source, const DataLimits& limits) {
  check(source);
  if (source.format == kIdx) return load_idx(source.images, source.labels, source.classes, limits);
  CsvOptions options = source.csv;
  options.classes = source.classes;
  return load_csv(source.file, options, limits);
}

View subset(DatasetPtr dataset, const Path& index) {
  if (index.empty()) return whole(std::move(dataset));
  std::vector<std::uint32_t> indices = load_index(index, dataset->size());
  return {std::move(dataset), std::move(indices)};
}

View open(const DataSource& source, const DataLimits& limits) {
  return subset(load(source, limits), source.index);
}

DataSource unpack(const DataSource& source, const Path& directory, const DataLimits& limits) {
  const DatasetPtr checked = load(source, limits);
  if (source.format != kIdx) return source;
  DataSource plain = source;
  plain.images = unpack_file(source.images, directory, limits);
  plain.labels = unpack_file(source.labels, directory, limits);
  return plain;
}

LabelKind label_kind_from(std::string_view name) {
  if (name == "class") return LabelKind::Class;
  if (name == "real") return LabelKind::Real;
  fail_choice("data.label_kind", name, {"class", "real"});
}

}  // namespace tributary::data
