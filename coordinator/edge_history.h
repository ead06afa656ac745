// coordinator/edge_history.h
//
// The last edge copies, and the differences that lead from them to the present one: each made once, when a participant
// that is asked to take part holds its base, and kept until the next copy comes.
//
// Memory: the blobs of the copies kept, together at most half the model's float32 bytes or 16 MiB, whichever is more (a
// half-pruned copy takes about 0.45 bytes a parameter); and the differences made; while one is made, 5 bytes a
// parameter. Of models so small that 16 MiB hold the integers of all copies, also these, at 1 byte a parameter.
//
// Life: add() each copy when it is published; make() before a round; deltas() any number of times. One thread at a
// time.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "common/codec/edge_delta.h"
#include "common/model/parameters.h"
#include "coordinator/broadcast.h"

namespace tributary::coordinator {

class EdgeHistory {
 public:
  struct Copy {
    Digest digest;
    std::shared_ptr<const wire::FramedBlob> blob;
    std::shared_ptr<const codec::EdgeIntegers> integers = nullptr;  // once a difference needed them; of small models
  };

  // Keeps up to `copies` beside the present one, all with integers unless `copies` is 0. `threads` encode.
  EdgeHistory(model::LayoutPtr layout, std::uint32_t copies, unsigned threads)
      : layout_(std::move(layout)), copies_(copies), threads_(threads) {}

  // The copy that is the present one from now on.
  void add(const Digest& digest, std::shared_ptr<const wire::FramedBlob> blob);
  // The present copy is about to be replaced: lets go of it unless it stays beside the next.
  void make_room() {
    if (copies_ == 0) kept_.clear();
  }
  // Whether a difference to it can be made.
  bool has(const Digest& digest) const;
  // Makes the differences to these bases, where there is none yet. For a worker. REQUIRES: has() each.
  void make(const std::set<Digest>& bases);
  // Those that are smaller than the present copy.
  const std::map<Digest, EdgeDelta>& deltas() const { return deltas_; }

  // The present one first.
  const std::deque<Copy>& copies() const { return kept_; }

 private:
  std::shared_ptr<const codec::EdgeIntegers> integers_of(Copy& copy) const;

  model::LayoutPtr layout_;
  std::uint32_t copies_;
  unsigned threads_;
  std::deque<Copy> kept_;
  std::set<Digest> made_;
  std::map<Digest, EdgeDelta> deltas_;
};

}  // namespace tributary::coordinator
