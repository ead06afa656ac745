#include "participant/download.h"

#include <cstring>
#include <string>
#include <utility>

#include "common/base/error.h"

namespace tributary::participant {

Download::Download(Workshop& workshop, const Digest& digest, std::uint64_t bytes)
    : workshop_(workshop), digest_(digest), announced_(bytes), known_(workshop.find(digest)) {}

void Download::take(std::uint64_t offset, ByteSpan bytes) {
  const std::string blob = "blob " + digest_.hex();
  if (offset != next_)
    fail(Error::Kind::Malformed,
         blob + ": bytes from " + std::to_string(offset) + " on came where " + std::to_string(next_) + " was due");
  if (bytes.size() > announced_ - next_)
    fail(Error::Kind::Malformed, blob + ": more than the " + std::to_string(announced_) + " bytes announced");
  const auto differs = [&] {
    return known_->size() != announced_ ||
           (!bytes.empty() && std::memcmp(bytes.data(), known_->data() + next_, bytes.size()) != 0);
  };
  if (next_ == 0 && !known_) known_ = workshop_.find(digest_);  // a neighbour may have been quicker
  if (known_ && differs()) fail(Error::Kind::Malformed, blob + ": the bytes that came are not those of the digest");
  next_ += bytes.size();
  if (known_) return;
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  hash_.update(bytes);
  if (complete() && hash_.finish() != digest_)
    fail(Error::Kind::Malformed, blob + ": the bytes that came are not those of the digest");
}

SharedBlob Download::finish() {
  TRIBUTARY_CHECK(complete());
  return known_ ? std::move(known_) : workshop_.share(digest_, std::move(bytes_));
}

}  // namespace tributary::participant
