// common/options/wording.h
//
// How the room speaks: foreign text in one-line messages, suggestions, and text laid out in columns. A column is a
// UTF-8 character: wide and combining characters count as one. Any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tributary::options {

// Foreign text for a message: in quotes, cut after about 60 bytes, control characters as '?'.
std::string in_quotes(std::string_view text);

// `text` with every control character as a space.
std::string one_line(std::string_view text);

// What to do about `name`, which is none of `known`: "is "round.cohort" meant?" with one of the same last part
// ("cohort", "run.cohort"), or the nearest one, or `otherwise`.
std::string suggestion(std::string_view name, std::span<const std::string> known, std::string_view otherwise);

std::string joined(std::span<const std::string> parts, std::string_view between);

// Columns that a UTF-8 text takes.
std::size_t columns(std::string_view text);
// `text` filled with spaces on the right (left) to `width` columns.
std::string left_aligned(std::string_view text, std::size_t width);
std::string right_aligned(std::string_view text, std::size_t width);
// The first `width` columns of `text`.
std::string cut(std::string_view text, std::size_t width);

// The words of `text` in lines of at most `width` columns; a longer word has a line of its own.
std::vector<std::string> wrapped(std::string_view text, std::size_t width);

}  // namespace tributary::options
