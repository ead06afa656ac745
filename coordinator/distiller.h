// coordinator/distiller.h
//
// Distillation on public data without labels, as the round path sees it: without LibTorch. coordinator/distillation.h
// makes the real one.
#pragma once

#include <cstdint>
#include <optional>

#include "common/model/parameters.h"
#include "coordinator/ensemble.h"
#include "coordinator/round_record.h"

namespace tributary::coordinator {

// On a worker thread, one call at a time. What a call does follows from its arguments (and the student) alone, bit for
// bit on one machine, so that a round can be made again.
class Distiller {
 public:
  virtual ~Distiller() = default;

  // FedDF (Lin et al. 2020, "Ensemble distillation for robust model fusion in federated learning"): `global`, the mean
  // of the cohort's models, learns what they answer together, the mean of their scores, each alike. Leaves it as it is,
  // and says false, when that diverges. Throws what Ensemble::for_each throws.
  virtual bool teach_global(model::ParameterSet& global, const Ensemble& cohort, std::uint64_t round) = 0;

  // The edge student learns what the global model answers, and is kept. Its quality on the evaluation data, if there
  // are any. Of a round that it has learnt already, only its quality. REQUIRES: distillation.student is configured.
  virtual std::optional<Quality> teach_student(const model::ParameterSet& global, std::uint64_t round) = 0;
};

}  // namespace tributary::coordinator
