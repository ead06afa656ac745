// common/base/text.h
//
// Small work with text: exact number parsing, splitting, and the nearest name for "did you mean".
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tributary {

std::string_view trim(std::string_view text);
std::vector<std::string_view> split(std::string_view text, char separator);

// The whole text as a number, or nullopt. Locale-independent; no leading '+', no trailing characters, no inf or nan.
std::optional<double> parse_double(std::string_view text);
std::optional<std::int64_t> parse_int(std::string_view text);

// The candidate at the smallest edit distance (insert, delete, replace, swap of neighbours), or nullopt when none is
// near enough to be meant: at most a third of the longer text, at least one edit allowed.
std::optional<std::string> nearest(std::string_view text, std::span<const std::string> candidates);

// "1.4 MB", "812 B": decimal units, for people.
std::string human_bytes(double bytes);
// "0.43 s", "2 m 05 s", "3 h 12 m".
std::string human_seconds(double seconds);

}  // namespace tributary
