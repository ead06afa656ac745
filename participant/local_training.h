// participant/local_training.h
//
// One round at a participant: edge copy and private examples in, encoded difference out. Pure and deterministic: the
// same model, edge copy, examples, task and residual give the same bytes, whoever shares the process and in any order.
// For worker threads; the network belongs to the caller's thread meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/codec/edge_rounding.h"
#include "common/codec/update.h"
#include "common/data/dataset.h"
#include "common/learn/network.h"
#include "common/learn/training.h"
#include "participant/workshop.h"

namespace tributary::participant {

// What the random streams "shuffle" (order of examples, dropout), "rounding" (of the update) and "start" (of training
// through the edge copy's rounding) are keyed by, and how to train and encode.
struct TrainingTask {
  std::uint64_t seed = 0;
  std::uint64_t round = 0;
  std::string participant;
  learn::TrainingPlan plan;
  codec::UpdateEncoding encoding;
  std::optional<codec::RoundingPlan> rounding = std::nullopt;  // to train through
};

struct Learnt {
  enum class Ending : std::uint8_t {
    Complete,
    Stopped,   // `stop` said so; nothing below counts
    Diverged,  // the loss or the parameters became inf or nan; nothing below counts
  };
  Ending ending = Ending::Complete;
  Bytes update;                 // codec::encode_update of the difference
  std::vector<float> residual;  // to keep once the update is accepted; empty when the encoding is lossless
  learn::TrainingResult training;
  double decode_seconds = 0, encode_seconds = 0;
};

// The edge copy `name` is decoded from `edge` unless the bench has its values already; `edge` is let go of then. A
// bench with exits learns a plan that is online by hedge backpropagation. `residual` is empty or of the layout's size.
// Throws Malformed (an edge copy of another layout, examples that do not fit the model, differences too large to
// encode), Overloaded.
Learnt train_locally(Workbench& bench, const Digest& name, SharedBlob edge, const data::View& examples,
                     const TrainingTask& task, std::span<const float> residual, const Clock& clock,
                     const std::function<bool()>& stop = {});

}  // namespace tributary::participant
