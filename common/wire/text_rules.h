// common/wire/text_rules.h
//
// What a text in a message may be: valid UTF-8 without control characters, because texts of peers go to logs, terminals
// and reports. Pure functions; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tributary::wire {

bool is_clean_text(std::string_view text);

// `text` made clean: what is_clean_text forbids becomes '?' (a line break or tab a space), and what would exceed
// `max_bytes` is cut between two characters.
std::string clean_text(std::string_view text, std::size_t max_bytes);

}  // namespace tributary::wire
