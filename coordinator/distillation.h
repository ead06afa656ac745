// coordinator/distillation.h
//
// The real Distiller: runs and trains models on public examples with LibTorch, which stays out of this header. The
// examples are loaded and the graphs are compiled once.
#pragma once

#include <cstdint>
#include <memory>

#include "common/base/files.h"
#include "common/data/dataset.h"
#include "common/model/graph.h"
#include "coordinator/distiller.h"
#include "coordinator/evaluator.h"
#include "coordinator/settings.h"

namespace tributary::coordinator {

// Who learns from the global model.
struct StudentPlace {
  model::Graph graph;              // as it is at first
  Path file;                       // where it is kept, with the round in its metadata ("tributary.round")
  bool goes_on = false;            // what is in `file` goes on, when it is there
  Evaluator* evaluator = nullptr;  // of this graph; null: nobody asks for its quality
};

// `student` may be null. `files`, and what the place refers to, must outlive it. Random numbers are keyed by `seed`,
// "distillation" or "student", and the round.
// Throws Unsupported when a graph cannot be run, or ends in what makes no classes; Malformed, naming the key, when
// there are no examples, when they do not fit the model or the student, or when the two answer differently; Corrupt
// when the student kept is another.
std::unique_ptr<Distiller> distil_on(const model::Graph& graph, data::View examples, const DistillationPolicy& policy,
                                     std::uint64_t seed, Files& files, std::unique_ptr<StudentPlace> student);

}  // namespace tributary::coordinator
