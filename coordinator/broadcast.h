// coordinator/broadcast.h
//
// What a round offers, ready to be sent: made once, immutable, shared by every session. Sessions keep it weakly, so the
// blobs of a round go when the round does.
#pragma once

#include <memory>

#include "common/wire/frame.h"
#include "common/wire/messages.h"

namespace tributary::coordinator {

struct Broadcast {
  wire::Offer offer;  // deadline_seconds is filled in for each participant
  std::shared_ptr<const wire::FramedBlob> model, edge;
};

}  // namespace tributary::coordinator
