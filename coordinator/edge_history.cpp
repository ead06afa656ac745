#include "coordinator/edge_history.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"

namespace tributary::coordinator {

namespace {
// Of copies that may be kept, however small the model.
constexpr std::uint64_t kLeastBytes = std::uint64_t{16} << 20;
}  // namespace

void EdgeHistory::add(const Digest& digest, std::shared_ptr<const wire::FramedBlob> blob) {
  made_.clear();
  deltas_.clear();
  std::erase_if(kept_, [&](const Copy& copy) { return copy.digest == digest; });
  kept_.push_front({digest, std::move(blob)});
  const std::uint64_t most = std::max(kLeastBytes, layout_->size() * sizeof(float) / 2);
  std::uint64_t bytes = 0;
  std::size_t keep = 1;
  while (keep < kept_.size() && keep <= copies_ && bytes + kept_[keep].blob->blob_bytes() <= most) {
    bytes += kept_[keep++].blob->blob_bytes();
  }
  kept_.resize(keep);
}

bool EdgeHistory::has(const Digest& digest) const {
  const auto at = std::find_if(kept_.begin(), kept_.end(), [&](const Copy& copy) { return copy.digest == digest; });
  return at != kept_.end() && at != kept_.begin();
}

std::shared_ptr<const codec::EdgeIntegers> EdgeHistory::integers_of(Copy& copy) const {
  if (copy.integers) return copy.integers;
  codec::DecodeLimits limits;
  limits.max_parameters = layout_->size();
  limits.threads = threads_;
  auto integers = std::make_shared<const codec::EdgeIntegers>(codec::edge_integers(copy.blob->blob(), layout_, limits));
  if (layout_->size() * (std::uint64_t{copies_} + 1) <= kLeastBytes) copy.integers = integers;
  return integers;
}

void EdgeHistory::make(const std::set<Digest>& bases) {
  if (std::includes(made_.begin(), made_.end(), bases.begin(), bases.end())) return;
  const auto present = integers_of(kept_.front());
  for (const Digest& base : bases) {
    if (!made_.insert(base).second) continue;
    const auto copy = std::find_if(kept_.begin(), kept_.end(), [&](const Copy& c) { return c.digest == base; });
    TRIBUTARY_CHECK(copy != kept_.end());
    Bytes delta = codec::encode_edge_delta(*integers_of(*copy), *present, *layout_, threads_);
    const wire::FramedBlob& whole = *kept_.front().blob;
    if (delta.size() >= whole.blob_bytes()) continue;
    const Digest digest = sha256(delta);
    deltas_[base] = {digest, std::make_shared<const wire::FramedBlob>(std::move(delta), whole.chunk_bytes())};
  }
}

}  // namespace tributary::coordinator
