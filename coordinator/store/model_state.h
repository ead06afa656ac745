// coordinator/store/model_state.h
//
// Everything that the next round's models follow from, beside the round's updates: one file for each checkpoint.
//
//   states/N := "TRIBSTA1" | u64 round | layout digest | u32 count, edge digests, the present one first
//               | floats global | floats velocity | floats residual | u32 count, floats scales of each weight tensor
//               | XXH3-128 of all before
//   floats   := u64 count | float32 ...
//
// Functions of any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/base/digest.h"
#include "common/base/files.h"

namespace tributary::coordinator::store {

// Borrowed while it is written.
struct ModelStateView {
  std::uint64_t round = 0;  // that was published last; 0 = none
  Digest layout;
  std::vector<Digest> edges;  // edge copies that differences may refer to, the present one first
  std::span<const float> global;
  std::span<const float> velocity;  // of the server's optimiser; empty without momentum
  std::span<const float> residual;  // of the edge copies; empty when nothing is rounded
  std::span<const std::vector<float>> scales;
};

struct ModelState {
  std::uint64_t round = 0;
  Digest layout;
  std::vector<Digest> edges;
  std::vector<float> global, velocity, residual;
  std::vector<std::vector<float>> scales;
};

// Returns when it is durable, under its name and whole. Takes no memory beyond a few kilobytes. Throws Unavailable.
void write_state(Files& files, const Path& path, const ModelStateView& state, Durability durability);
// Throws Corrupt, naming the file.
ModelState read_state(const Files& files, const Path& path);

}  // namespace tributary::coordinator::store
