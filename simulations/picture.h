// simulations/picture.h
//
// Who holds how many examples of which class: a fragment for report.html, in the page's colours. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/data/dataset.h"

namespace tributary::simulation {

// More participants than this are not drawn; the caption says so.
inline constexpr std::size_t kMaxDrawn = 100;

// REQUIRES: one part for each name. Data sets whose labels are no classes, or more than 50, give the parts' sizes
// alone.
std::string partition_picture(const data::Dataset& examples, const std::vector<std::string>& names,
                              const std::vector<std::vector<std::uint32_t>>& parts, const std::string& partition);

}  // namespace tributary::simulation
