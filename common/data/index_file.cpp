#include <algorithm>
#include <optional>
#include <utility>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/data/content.h"
#include "common/data/parse.h"

namespace tributary::data {

namespace {

// Twenty bytes a line leave room for comments; a longer file is no index of this data set.
std::uint64_t longest_file(std::uint32_t dataset_size) {
  return (std::uint64_t{1} << 20) + 20ull * dataset_size;
}

}  // namespace

std::vector<std::uint32_t> parse_index(std::string_view text, std::string_view name, std::uint32_t dataset_size) {
  std::vector<std::uint32_t> indices;
  std::vector<bool> seen(dataset_size);
  for (std::uint64_t line = 1; !text.empty(); ++line) {
    const std::string_view raw = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), raw.size() + 1));
    const std::string_view entry = trim(raw.substr(0, raw.find('#')));
    if (entry.empty()) continue;
    const std::optional<std::int64_t> value = parse_int(entry);
    if (!value) fail_line(name, line, shown(entry) + " is not an index: one decimal number a line expected");
    if (*value < 0 || *value >= dataset_size) {
      fail_line(name, line,
                "index " + std::to_string(*value) + " is out of range: the data set has examples 0 to " +
                    std::to_string(std::int64_t{dataset_size} - 1));
    }
    const auto index = static_cast<std::uint32_t>(*value);
    if (seen[index]) fail_line(name, line, "index " + std::to_string(index) + " is listed twice: remove one");
    seen[index] = true;
    indices.push_back(index);
  }
  if (indices.empty()) fail(Error::Kind::Malformed, std::string(name) + ": lists no index: a subset needs an example");
  return indices;
}

std::vector<std::uint32_t> load_index(const Path& path, std::uint32_t dataset_size) {
  const Content text = read_text(path, longest_file(dataset_size));
  return parse_index(as_text(text.bytes), path.string(), dataset_size);
}

void save_index(const Path& path, std::span<const std::uint32_t> indices) {
  std::string text;
  for (const std::uint32_t i : indices) text += std::to_string(i) + '\n';
  write_text_file(path, text);
}

}  // namespace tributary::data
