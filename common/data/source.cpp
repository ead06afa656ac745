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

std::string key_of(const DataSource& source, const char* key) {
  return source.prefix + "." + key;
}

[[noreturn]] void fail_choice(const std::string& key, std::string_view value, const std::array<std::string, 2>& known) {
  const auto near = nearest(value, known);
  malformed(key + ": unknown value " + shown(value) + ": " +
            (near ? "is " + shown(*near) + " meant?" : shown(known[0]) + " and " + shown(known[1]) + " are known"));
}

void need(const Path& path, const std::string& key, const char* what) {
  if (path.empty()) malformed(key + " is not set: name the file that holds the " + what);
}

// `set`: whether a key is given that only the other format knows.
void refuse(bool set, const DataSource& source, const char* key, const char* other) {
  if (!set) return;
  const std::string format = key_of(source, "format");
  malformed(key_of(source, key) + " is set, which belongs to " + format + " = " + other + ", but " + format + " is " +
            source.format + ": remove one");
}

void check_idx(const DataSource& source) {
  refuse(!source.file.empty(), source, "file", kCsv);
  refuse(!source.csv.label.empty(), source, "label", kCsv);
  refuse(!source.csv.holder.empty(), source, "holder", kCsv);
  refuse(source.csv.standardize, source, "standardize", kCsv);
  refuse(!source.csv.shape.empty(), source, "shape", kCsv);
  refuse(!source.csv.class_names.empty(), source, "class_names", kCsv);
  refuse(source.csv.label_kind == LabelKind::Real, source, "label_kind = real", kCsv);
  need(source.images, key_of(source, "images"), "images");
  if (source.labelled) need(source.labels, key_of(source, "labels"), "labels");
}

void check_csv(const DataSource& source) {
  refuse(!source.images.empty(), source, "images", kIdx);
  refuse(!source.labels.empty(), source, "labels", kIdx);
  need(source.file, key_of(source, "file"), "rows");
}

void check(const DataSource& source) {
  if (source.format == kIdx) return check_idx(source);
  if (source.format == kCsv) return check_csv(source);
  fail_choice(key_of(source, "format"), source.format, {kIdx, kCsv});
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
  if (source.format == kIdx && source.labels.empty()) return load_idx_images(source.images, limits);
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
  if (!source.labels.empty()) plain.labels = unpack_file(source.labels, directory, limits);
  return plain;
}

LabelKind label_kind_from(std::string_view name) {
  if (name == "class") return LabelKind::Class;
  if (name == "real") return LabelKind::Real;
  fail_choice("data.label_kind", name, {"class", "real"});
}

}  // namespace tributary::data
