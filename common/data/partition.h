// common/data/partition.h
//
// Who holds what: splits a data set over participants, seeded. Each example goes to at most one participant.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/data/dataset.h"

namespace tributary::data {

// Specifications, each of which hands out every example and leaves no participant without one:
//   iid                 a random permutation cut into equal parts (sizes differ by at most one)
//   shards:K            sorted by label, cut into K x participants shards, K random shards each ("shards" = shards:2;
//                       McMahan et al. 2017, "pathological non-IID")
//   dirichlet:ALPHA     label skew: each class is cut by proportions drawn from Dirichlet(ALPHA) over the participants;
//                       a participant that has its equal share already gets no more (NIID-Bench, Li et al. 2022).
//                       Drawn again until everybody has at least 10 examples, or a tenth of the equal share where that
//                       is less (but one); if 100 draws do not, the last is kept and who is short is given random
//                       examples of whoever holds most
//   quantity_lognormal:SIGMA
//                       sizes proportional to exp(SIGMA z), z standard normal; which examples: as iid
//   quantity_power:EXPONENT
//                       sizes proportional to rank^-EXPONENT, ranks 1, 2, ... dealt at random; which examples: as iid
//   interleaved         example i goes to participant i modulo their number: a stream in time, dealt in turn
//   natural:COLUMN      whole holders (dataset.h, CsvOptions.holder), as the data have them; where there are more of
//   them
//                       than participants, each of the largest first goes to whoever holds least so far (ties in random
//                       order). COLUMN is for the reader of the specification and for who loads the data
// Equal arguments give equal parts. Element p of the result is participant p's indices, ascending. Throws Malformed:
// unknown specification (with the nearest), an argument that is missing or out of range, no participants, fewer
// examples than participants or shards, fewer holders than participants, labels that are not classes where needed.
std::vector<std::vector<std::uint32_t>> partition(const Dataset& dataset, std::string_view specification,
                                                  std::uint32_t participants, std::uint64_t seed);

}  // namespace tributary::data
