#include "coordinator/edge_publisher.h"

#include <utility>

#include "common/base/error.h"

namespace tributary::coordinator {

namespace {

// Without quantisation nothing is rounded, so there is no error to keep.
bool keeps_error(const EdgePolicy& policy) {
  return policy.bits < 32 && policy.feedback;
}

}  // namespace

EdgePublisher::EdgePublisher(model::LayoutPtr layout, const EdgePolicy& policy, unsigned threads)
    : policy_(policy), threads_(threads), residual_(keeps_error(policy) ? layout->size() : 0) {}

double EdgePublisher::sparsity(std::uint64_t round) const {
  return codec::cubic_sparsity(policy_.initial_sparsity, policy_.sparsity, policy_.sparsity_begin, policy_.sparsity_end,
                               round);
}

void EdgePublisher::restore(std::vector<float> residual, std::vector<std::vector<float>> scales) {
  TRIBUTARY_CHECK(residual.size() == residual_.size());
  residual_ = std::move(residual);
  scales_ = std::move(scales);
}

codec::EdgeCopy EdgePublisher::publish(const model::ParameterSet& global, std::uint64_t round, Bytes memory) {
  const codec::EdgePlan plan{.bits = policy_.bits,
                             .sparsity = sparsity(round),
                             .per_layer = policy_.per_layer,
                             .levels = policy_.levels,
                             .block = policy_.block,
                             .threads = threads_,
                             .result = codec::EdgePlan::Result::Blob,
                             .previous_scales = scales_};
  codec::EdgeCopy copy = codec::encode_edge_copy(global, residual_, plan, std::move(memory));
  scales_ = copy.scales;
  return copy;
}

}  // namespace tributary::coordinator
