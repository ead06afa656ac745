// common/options/value_rules.h
//
// How the values of keys are written and read. What parses is what prints: every reader takes what its printer gives.
// Every reader throws Malformed whose message says what the value must be. Private to the room; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/options/keys.h"

namespace tributary::options {

// Decimal, finite, within `range`.
double read_number(std::string_view text, Range range);
// The shortest text that reads as the same value.
std::string print_number(double value);

// A whole number, decimal, not negative, within `range`, at most `largest` and below 2^63.
std::uint64_t read_count(std::string_view text, Range range, std::uint64_t largest);

// yes/no, true/false, on/off, 1/0.
bool read_flag(std::string_view text);

// One of `choices`.
std::string read_choice(std::string_view text, const std::vector<std::string>& choices);

// A character, or "tab".
char read_character(std::string_view text);
std::string print_character(char value);

// Parts between commas, without the spaces around them; an empty text is an empty list.
std::vector<std::string> read_list(std::string_view text);
// Positive whole numbers between commas.
std::vector<std::int64_t> read_shape(std::string_view text);
std::string print_shape(const std::vector<std::int64_t>& shape);

}  // namespace tributary::options
