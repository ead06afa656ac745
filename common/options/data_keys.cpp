#include "common/options/data_keys.h"

#include "common/options/value_rules.h"
#include "common/options/wording.h"

namespace tributary::options {

namespace {

constexpr double kMaxClasses = data::kMaxClasses;

const std::vector<std::string>& label_kinds() {
  static const std::vector<std::string> kinds{"class", "real"};
  return kinds;
}

void bind_files(Keys& keys, data::DataSource& source, const std::string& prefix, const std::string& what) {
  keys.choice(prefix + "format", source.format, {"idx", "csv"}, "format of the " + what);
  keys.path(prefix + "images", source.images, "IDX file of the " + what + ", plain or gzip (format idx)");
  keys.path(prefix + "labels", source.labels, "IDX file of their labels, plain or gzip (format idx)");
  keys.path(prefix + "file", source.file, "CSV file of the " + what + ", plain or gzip (format csv)");
}

void bind_csv(Keys& keys, data::CsvOptions& csv, const std::string& prefix) {
  keys.text(prefix + "label", csv.label,
            "label column of the CSV file: its name, or its index from 0, negative from the end; empty = the last");
  keys.text(
      prefix + "holder", csv.holder,
      "column of the CSV file that says to whom an example belongs, named like the label; it is no feature; empty = "
      "none");
  keys.custom(
      prefix + "separator", "character", [&csv](std::string_view text) { csv.separator = read_character(text); },
      [&csv] { return print_character(csv.separator); }, "what separates the columns of the CSV file, or \"tab\"");
  keys.flag(prefix + "header", csv.header, "whether the first line of the CSV file names the columns");
  keys.flag(prefix + "standardize", csv.standardize,
            "whether each feature of the CSV file is shifted and scaled to mean 0 and deviation 1");
  keys.custom(
      prefix + "label_kind", joined(label_kinds(), "|"),
      [&csv](std::string_view text) { csv.label_kind = data::label_kind_from(read_choice(text, label_kinds())); },
      [&csv] { return std::string(csv.label_kind == data::LabelKind::Class ? "class" : "real"); },
      "whether the labels of the CSV file are classes or real numbers");
  keys.custom(
      prefix + "class_names", "list", [&csv](std::string_view text) { csv.class_names = read_list(text); },
      [&csv] { return joined(csv.class_names, ","); },
      "texts of the classes in the CSV file, between commas, in the order of their numbers; empty = as found");
  keys.custom(
      prefix + "shape", "list", [&csv](std::string_view text) { csv.shape = read_shape(text); },
      [&csv] { return print_shape(csv.shape); },
      "shape of one example of the CSV file, for example 1,28,28; empty = the number of its features");
}

void replace_name(Path& path, std::string_view name) {
  constexpr std::string_view kPlace = "{name}";
  std::string text = path.string();
  for (std::size_t at = text.find(kPlace); at != std::string::npos; at = text.find(kPlace, at + name.size())) {
    text.replace(at, kPlace.size(), name);
  }
  path = text;
}

}  // namespace

void bind_data(Keys& keys, data::DataSource& source, std::string_view prefix, std::string_view what) {
  const std::string head = std::string(prefix) + ".";
  source.prefix = prefix;
  bind_files(keys, source, head, std::string(what));
  bind_csv(keys, source.csv, head);
  keys.count(head + "classes", source.classes, {0, kMaxClasses}, "number of classes; 0 = as found");
  keys.path(head + "subset", source.index, "index file of the examples to use, one a line; empty = all");
}

bool names_data(const Keys& keys, std::string_view prefix) {
  return keys.was_set(std::string(prefix) + ".images") || keys.was_set(std::string(prefix) + ".file");
}

data::DataSource for_participant(data::DataSource source, std::string_view name) {
  for (Path* path : {&source.images, &source.labels, &source.file, &source.index}) replace_name(*path, name);
  return source;
}

}  // namespace tributary::options
