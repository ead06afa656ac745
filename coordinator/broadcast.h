// coordinator/broadcast.h
//
// What a round offers, ready to be sent: made once, immutable, shared by every session. Sessions keep it weakly, so the
// blobs of a round go when the round does.
#pragma once

#include <map>
#include <memory>

#include "common/wire/frame.h"
#include "common/wire/messages.h"

namespace tributary::coordinator {

// The round's edge copy for those who hold another one.
struct EdgeDelta {
  Digest digest;
  std::shared_ptr<const wire::FramedBlob> blob;
};

struct Broadcast {
  wire::Offer offer;  // deadline_seconds is filled in for each participant
  std::shared_ptr<const wire::FramedBlob> model, edge;
  std::map<Digest, EdgeDelta> deltas;  // by the copy that they refer to; all smaller than `edge`
};

}  // namespace tributary::coordinator
