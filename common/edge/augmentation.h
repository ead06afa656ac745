// common/edge/augmentation.h
//
// What keeps a large model from learning its examples by heart: pictures that are moved a little, each time otherwise,
// and dropout.
// Functions of any thread.
#pragma once

#include <cstdint>

#include "common/data/dataset.h"
#include "common/model/graph.h"

namespace tributary::edge {

// `examples` whose pictures lie up to `pixels` further up, down, left or right; what comes in is 0. How far is a
// function of seed, epoch and example, so that a run replays; another epoch moves them otherwise. 0 pixels: the same
// examples. Throws Malformed when they are no pictures (shape {channels, rows, columns}) of more than `pixels` a side.
data::View shifted(const data::View& examples, std::uint32_t pixels, std::uint64_t seed, std::uint64_t epoch);

// `graph` with a Dropout of `ratio` before every Gemm and MatMul that reads a hidden value (Srivastava et al. 2014);
// for training only, prediction is the same. The layout stays. 0: the same graph. Throws Malformed for a ratio outside
// [0, 1).
model::Graph with_dropout(const model::Graph& graph, double ratio);

}  // namespace tributary::edge
