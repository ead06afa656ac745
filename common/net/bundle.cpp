#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/net/pki.h"

namespace tributary::net {

namespace {

constexpr std::string_view kHead = "[tributary bundle]";

[[noreturn]] void refuse(std::string_view source, const std::string& why) {
  fail(Error::Kind::Malformed, std::string(source) + ": " + why);
}

// The lines of a bundle that mean something: not empty, not a comment; with their numbers, from 1.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  std::optional<std::string_view> next() {
    while (!rest_.empty()) {
      const std::size_t end = std::min(rest_.find('\n'), rest_.size());
      const std::string_view line = trim(rest_.substr(0, end));
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
      ++number_;
      if (!line.empty() && line.front() != '#') return line;
    }
    return std::nullopt;
  }
  std::string where() const { return "line " + std::to_string(number_); }

 private:
  std::string_view rest_;
  std::size_t number_ = 0;
};

bool is_base64(std::string_view line) {
  return std::all_of(line.begin(), line.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/' ||
           c == '=';
  });
}

// Reads on to the end of the block that begins with `begin`.
std::string read_block(Lines& lines, std::optional<std::string_view> begin, std::string_view label,
                       std::string_view what, std::string_view source) {
  const std::string first = "-----BEGIN " + std::string(label) + "-----";
  const std::string last = "-----END " + std::string(label) + "-----";
  if (!begin) refuse(source, "ends before the " + std::string(what) + "; ask the operator for a new bundle");
  if (*begin != first)
    refuse(source, lines.where() + ": the " + std::string(what) + " (" + first + ") must stand here");
  std::string block = first + "\n";
  while (const auto line = lines.next()) {
    block += std::string(*line) + "\n";
    if (*line == last) return block;
    if (!is_base64(*line)) refuse(source, lines.where() + ": not a line of the " + std::string(what));
  }
  refuse(source, "ends within the " + std::string(what) + "; ask the operator for a new bundle");
}

struct Head {
  std::array<std::pair<std::string_view, std::optional<std::string_view>>, 4> values{
      {{"name", {}}, {"coordinator", {}}, {"host", {}}, {"port", {}}}};

  std::optional<std::string_view>* find(std::string_view key) {
    const auto at = std::find_if(values.begin(), values.end(), [&](const auto& entry) { return entry.first == key; });
    return at == values.end() ? nullptr : &at->second;
  }
};

void read_key(Head& head, std::string_view line, const std::string& where, std::string_view source) {
  const std::size_t equals = line.find('=');
  const std::string_view key = trim(line.substr(0, std::min(equals, line.size())));
  std::optional<std::string_view>* value = head.find(key);
  if (equals == std::string_view::npos || value == nullptr) {
    refuse(source, where + ": not one of name, coordinator, host, port");
  }
  if (*value) refuse(source, where + ": " + std::string(key) + " stands here twice");
  *value = trim(line.substr(equals + 1));
}

std::string checked_name(std::string_view text, std::string_view key, std::string_view source) {
  try {
    check_name(text);
  } catch (const Error& e) {
    refuse(source, std::string(key) + ": " + e.what());
  }
  return std::string(text);
}

}  // namespace

std::string write_bundle(const Bundle& bundle) {
  return std::string(kHead) + "\n# Proves to the coordinator who you are: keep it to yourself.\nname = " + bundle.name +
         "\ncoordinator = " + bundle.coordinator + "\nhost = " + bundle.host +
         "\nport = " + std::to_string(bundle.port) + "\n\n" + bundle.key + bundle.certificate + bundle.authority;
}

Bundle read_bundle(std::string_view text, std::string_view source) {
  if (text.size() > kMaxBundleBytes) {
    refuse(source, "a bundle has at most " + std::to_string(kMaxBundleBytes) + " bytes, this has " +
                       std::to_string(text.size()));
  }
  Lines lines(text);
  if (lines.next() != kHead) refuse(source, "not a participant's bundle: it must begin with " + std::string(kHead));
  Head head;
  auto line = lines.next();
  for (; line && line->front() != '-'; line = lines.next()) read_key(head, *line, lines.where(), source);
  for (const auto& [key, value] : head.values) {
    if (!value) refuse(source, std::string(key) + " is missing");
  }
  Bundle bundle;
  bundle.name = checked_name(*head.values[0].second, "name", source);
  bundle.coordinator = checked_name(*head.values[1].second, "coordinator", source);
  bundle.host = *head.values[2].second;
  check_host(bundle.host, std::string(source) + ": host");
  const auto port = parse_int(*head.values[3].second);
  if (!port || *port < 1 || *port > 65535) refuse(source, "port must be a number from 1 to 65535");
  bundle.port = static_cast<std::uint16_t>(*port);
  bundle.key = read_block(lines, line, "PRIVATE KEY", "key", source);
  bundle.certificate = read_block(lines, lines.next(), "CERTIFICATE", "certificate", source);
  bundle.authority = read_block(lines, lines.next(), "CERTIFICATE", "authority's certificate", source);
  if (lines.next()) refuse(source, lines.where() + ": nothing may follow the authority's certificate");
  return bundle;
}

}  // namespace tributary::net
