// participant/assignment.h
//
// An offer after it was judged: what comes from the coordinator is taken for hostile, and becomes an Assignment only
// when every size and number of it is within the participant's own limits. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "common/base/digest.h"
#include "common/codec/edge_rounding.h"
#include "common/codec/update.h"
#include "common/learn/training.h"
#include "common/wire/messages.h"

namespace tributary::participant {

struct BlobName {
  Digest digest;
  std::uint64_t bytes = 0;
};

struct Assignment {
  std::uint64_t round = 0;
  std::uint64_t seed = 0;
  BlobName model, edge;
  // The same edge copy for who holds `base`.
  struct Difference {
    Digest base;
    BlobName blob;
  };
  std::optional<Difference> difference;
  codec::UpdateEncoding encoding;  // the one asked for, or int8 where that is unknown here
  learn::TrainingPlan plan;
  std::optional<codec::RoundingPlan> rounding;  // to train through; nullopt = plain training
};

// The assignment, or the reason for which the offer is declined.
std::variant<Assignment, std::string> judge(const wire::Offer& offer, std::uint64_t max_model_bytes);

}  // namespace tributary::participant
