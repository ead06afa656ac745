// participant/rounding_network.h
//
// Training through the rounding of edge copies: a network that sees the weights rounded wherever it is run, while the
// parameters that it is given, and that its gradient moves, stay float32 ("straight through").
#pragma once

#include <memory>

#include "common/codec/edge_rounding.h"
#include "common/learn/network.h"

namespace tributary::participant {

// Both must outlive it. Batch statistics in the parameters are updated as `network` updates them.
std::unique_ptr<learn::Network> rounding_network(learn::Network& network, const codec::EdgeRounding& rounding);

}  // namespace tributary::participant
