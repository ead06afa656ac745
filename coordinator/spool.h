// coordinator/spool.h
//
// One upload on its way: a file that grows as the chunks arrive, so that no update lies in memory. The digest that was
// announced names the update and is not computed anew: TLS has guarded the bytes on their way, the check judges what
// they say, and hashing them would take longer than all the rest that is done with them. The file is made with the
// first chunk and removed with the object.
//
// Life: construct with what was announced; append() each chunk until complete(); then map(), as often as wanted. One
// thread at a time (a worker's, while the session waits).
#pragma once

#include <cstdint>
#include <memory>

#include "common/base/files.h"
#include "common/wire/messages.h"

namespace tributary::coordinator {

class Spool {
 public:
  // `files` must outlive the spool.
  Spool(Files& files, Path file, std::uint64_t announced_bytes);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // Throws Malformed unless the chunk continues what arrived and stays within what was announced (nothing is written
  // then); Unavailable when the disk fails.
  void append(std::uint64_t offset, ByteSpan bytes);

  std::uint64_t announced_bytes() const { return announced_; }
  std::uint64_t arrived_bytes() const { return arrived_; }
  bool complete() const { return arrived_ == announced_; }

  // The whole upload. REQUIRES: complete(), and that the spool outlives it. Throws Unavailable.
  std::unique_ptr<MappedFile> map() const;

 private:
  Files& files_;
  Path path_;
  std::uint64_t announced_;
  std::uint64_t arrived_ = 0;
  std::unique_ptr<File> file_;
};

// An update as it was announced, and its bytes.
struct Upload {
  Upload(Files& files, Path file, wire::Update update)
      : announced(std::move(update)), spool(files, std::move(file), announced.blob_bytes) {}

  wire::Update announced;
  Spool spool;
  double factor = 1;  // by which its values count, when it was found good: below 1 where it was clipped
};

// The folder of a coordinator's spools: gives each a name of its own. Network thread.
class SpoolFolder {
 public:
  // Makes the folder; removes what an earlier process left in it. Throws Unavailable. `files` must outlive it.
  SpoolFolder(Files& files, Path folder);
  std::shared_ptr<Upload> begin(wire::Update update);

 private:
  Files& files_;
  Path folder_;
  std::uint64_t begun_ = 0;
};

}  // namespace tributary::coordinator
