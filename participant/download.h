// participant/download.h
//
// A blob on its way from the coordinator: pieces in order, never more than was announced, checked by its digest at the
// end. Where the process holds the blob already, the pieces are compared with it and not kept.
// Belongs to one thread.
#pragma once

#include <cstdint>
#include <memory>

#include "common/base/bytes.h"
#include "common/base/digest.h"
#include "participant/workshop.h"

namespace tributary::participant {

class Download {
 public:
  // `bytes` as announced, checked against the own limit before. `workshop` must outlive the download.
  Download(Workshop& workshop, const Digest& digest, std::uint64_t bytes);

  const Digest& digest() const { return digest_; }
  std::uint64_t announced() const { return announced_; }
  // Offset of the next piece: what to ask for after a lost line.
  std::uint64_t next() const { return next_; }

  // Throws Malformed: a gap or overlap, more than was announced, or bytes that are not those of the digest. The
  // download is of no use then.
  void take(std::uint64_t offset, ByteSpan bytes);
  bool complete() const { return next_ == announced_; }
  // REQUIRES: complete(). Once.
  SharedBlob finish();

 private:
  Workshop& workshop_;
  Digest digest_;
  std::uint64_t announced_;
  std::uint64_t next_ = 0;
  SharedBlob known_;
  Bytes bytes_;
  Sha256 hash_;
};

}  // namespace tributary::participant
