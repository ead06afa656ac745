// common/edge/wording.h
//
// How the room's texts write numbers and lay out tables. Private to the room; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tributary::edge {

// "?x784"; a scalar is "scalar".
std::string shape_text(const std::vector<std::int64_t>& shape);
// "1,663,370".
std::string grouped(std::uint64_t number);
// "84.1 %" of 0.841.
std::string percent(double share, int digits = 1);
// "0.3710" of 0.371.
std::string fixed(double number, int digits);
// A label in twelve columns, and what it says.
std::string line(std::string_view what, const std::string& text);
// Rows of cells under a head, in columns as wide as they need; the columns from `first_number` on are set to the right.
// REQUIRES: rows of equal length, at least the head.
std::string columns(const std::vector<std::vector<std::string>>& rows, std::size_t first_number);

}  // namespace tributary::edge
