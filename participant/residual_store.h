// participant/residual_store.h
//
// What the lossy encoding of a participant's updates has dropped so far (error feedback), kept from one accepted update
// to the next. It counts within one run and one layout only: another run's is dropped. With a folder the residual lives
// on disk and survives a crash at any instant; without one it lives in memory.
//
// A store belongs to one participant and one thread at a time.
//
//   NAME.residual := "TRIBRES1" | u32 length, run | u64 round | layout digest | u64 count | count x float32 | SHA-256
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/digest.h"
#include "common/base/files.h"

namespace tributary::participant {

// What a residual belongs to.
struct ResidualKey {
  std::string run;  // Welcome.run
  Digest layout;
  std::uint64_t size = 0;  // of the layout: parameters
};

class ResidualStore {
 public:
  // `folder` empty: memory only. `files` must outlive the store. REQUIRES: `participant` passes net::check_name.
  ResidualStore(Files& files, const Path& folder, const std::string& participant);

  // The residual of `key`; null when there is none. Throws Corrupt, naming the file, when it contradicts its checksum,
  // and Unavailable.
  std::shared_ptr<const std::vector<float>> load(const ResidualKey& key);

  // Replaces the residual after the update of `round` was accepted; no values = nothing was dropped. Throws
  // Unavailable; then the old one may still be there.
  void commit(const ResidualKey& key, std::uint64_t round, std::vector<float> values);

 private:
  struct Residual {
    std::string run;
    std::uint64_t round = 0;
    Digest layout;
    std::shared_ptr<const std::vector<float>> values;  // null: none
  };
  static Bytes write(const Residual& residual);
  static Residual read(ByteSpan bytes, const std::string& source);

  Files& files_;
  Path folder_;
  Path path_;
  Residual kept_;  // memory only
};

}  // namespace tributary::participant
