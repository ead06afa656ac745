#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "common/base/error.h"
#include "common/base/text.h"
#include "coordinator/settings.h"

namespace tributary::coordinator {

namespace {

// Always with a point, which is what tells a fraction from a number of participants.
std::string fraction_text(double fraction) {
  std::array<char, 400> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), fraction, std::chars_format::fixed).ptr;
  std::string text(buffer.data(), end);
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

}  // namespace

Share Share::parse(std::string_view text) {
  Share share;
  if (text == "all") return share;
  if (text.find('.') != std::string_view::npos) {
    const auto fraction = parse_double(text);
    if (fraction && *fraction > 0 && *fraction <= 1) {
      share.value_ = *fraction;
      return share;
    }
  } else {
    const auto number = parse_int(text);
    if (number && *number >= 1 && *number <= std::numeric_limits<std::uint32_t>::max()) {
      share.value_ = static_cast<std::uint32_t>(*number);
      return share;
    }
  }
  fail(Error::Kind::Malformed, "must be all, a fraction above 0 and up to 1.0 (0.1), or a number of participants (10)");
}

std::string Share::text() const {
  if (const auto* fraction = std::get_if<double>(&value_)) return fraction_text(*fraction);
  if (const auto* number = std::get_if<std::uint32_t>(&value_)) return std::to_string(*number);
  return "all";
}

std::uint32_t Share::of(std::uint32_t total) const {
  if (const auto* fraction = std::get_if<double>(&value_)) {
    return std::max(1u, static_cast<std::uint32_t>(std::lround(*fraction * total)));
  }
  return number().value_or(total);
}

bool Share::is_all() const {
  const auto* fraction = std::get_if<double>(&value_);
  return std::holds_alternative<std::monostate>(value_) || (fraction && *fraction == 1);
}

std::optional<std::uint32_t> Share::number() const {
  const auto* number = std::get_if<std::uint32_t>(&value_);
  return number ? std::optional(*number) : std::nullopt;
}

}  // namespace tributary::coordinator
