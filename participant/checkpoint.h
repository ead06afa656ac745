// participant/checkpoint.h
//
// What a learner on a stream keeps on disk to go on after any crash as if there had been none: the model, the learner's
// state and the place in the stream, all of one moment, in one file that is replaced as a whole. So every example is in
// the model once. Values; one thread.
//
//   file := "TRIBSTR1" layout-digest position-text u64-state-bytes state parameters(float32...) sha256-of-all-before
#pragma once

#include <optional>
#include <string>

#include "common/base/files.h"
#include "common/model/parameters.h"

namespace tributary::participant {

struct Checkpoint {
  std::string position;  // OpenStream::position()
  Bytes state;           // learn::StreamLearner::save()
  model::ParameterSet parameters;
};

// Throws Unavailable.
void save_checkpoint(Files& files, const Path& path, const Checkpoint& checkpoint);
// Nullopt when there is no such file. Throws Corrupt for a damaged one, Malformed for one of another model.
std::optional<Checkpoint> load_checkpoint(Files& files, const Path& path, const model::LayoutPtr& layout);

// The position alone, which says how to open the stream that says how to make the model. Throws Corrupt.
std::optional<std::string> checkpoint_position(Files& files, const Path& path);

}  // namespace tributary::participant
