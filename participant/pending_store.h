// participant/pending_store.h
//
// The update that a participant has announced and seen no verdict of. It is announced again until there is one, by the
// next session or, with a folder, by the next process: so that what was counted is known to be, and what was not is
// sent once more. There is at most one.
//
// A store belongs to one participant and one thread at a time.
//
//   NAME.update := "TRIBUPD1" | u32 length, run | layout digest | u64 parameters | u32 length, announcement as the
//                  protocol's message | u64 length, the update's bytes | u64 count, count x float32, the residual that
//                  holds when it is accepted | XXH3-128 of all before
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/files.h"
#include "common/wire/messages.h"
#include "participant/residual_store.h"

namespace tributary::participant {

struct PendingUpdate {
  ResidualKey key;
  wire::Update announced;
  Bytes blob;
  std::vector<float> residual;
};

class PendingStore {
 public:
  // `folder` empty: memory only. `files` must outlive the store. REQUIRES: `participant` passes net::check_name.
  PendingStore(Files& files, const Path& folder, const std::string& participant);

  // What an earlier process left. Throws Corrupt, naming the file, when it contradicts its checksum.
  void load();
  // In place of what there was; returns when it is durable. Throws Unavailable.
  void put(PendingUpdate update);
  // Nullptr when there is none.
  const PendingUpdate* find() const { return update_ ? &*update_ : nullptr; }
  // Takes it away for its verdict: its file stays until drop().
  PendingUpdate take();
  void drop();

 private:
  Files& files_;
  Path folder_;
  Path path_;
  std::optional<PendingUpdate> update_;
  bool on_disk_ = false;
};

}  // namespace tributary::participant
