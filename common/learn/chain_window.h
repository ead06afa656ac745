// common/learn/chain_window.h
//
// The windows of Conv and MaxPool nodes, read for chain.cpp.
#pragma once

#include <optional>
#include <vector>

#include "common/learn/chain.h"

namespace tributary::learn {

// The window of a node over pictures of shape `in`. Nullopt when it is dilated, when its padding could hide it
// completely, when it does not fit or when its attributes do not fit each other.
std::optional<Window> window_of(const model::Node& node, const std::vector<std::int64_t>& kernel, const Shape& in);

// What a window that window_of() gave makes of `in`.
Shape slide(const Window& window, const Shape& in, std::size_t channels);

}  // namespace tributary::learn
