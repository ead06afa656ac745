// common/data/partition.h
//
// Who holds what: splits a data set over participants, seeded. Each example goes to at most one participant.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/data/dataset.h"

namespace tributary::data {

// Specifications:
//   iid          a random permutation cut into equal parts (sizes differ by at most one)
//   shards:K     sorted by label, cut into K x participants shards, K random shards each ("shards" = shards:2; McMahan
//                et al. 2017, "pathological non-IID")
// Element p of the result is participant p's indices, ascending. Throws Malformed: unknown specification (with the
// nearest), no participants, fewer examples than participants or shards, labels that are not classes where needed.
std::vector<std::vector<std::uint32_t>> partition(const Dataset& dataset, std::string_view specification,
                                                  std::uint32_t participants, std::uint64_t seed);

}  // namespace tributary::data
