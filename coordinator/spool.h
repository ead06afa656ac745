// coordinator/spool.h
//
// Uploads on their way: each a file that grows as the chunks arrive, so that no update lies in memory. Its checksum is
// taken along the way and compared with the announced one at the end. What a lost line or a restart left half-way is
// gone on with when the same update is announced again.
//
//   spool/FILE, FILE := round.participant.checksum.serial     the bytes of the update and nothing else
//
// Life of a Spool: construct with what was announced; append() each chunk until complete(); then map(), as often as
// wanted. One thread at a time (a worker's, while the session waits).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/checksum.h"
#include "common/base/files.h"
#include "common/codec/update_checker.h"
#include "common/wire/messages.h"

namespace tributary::coordinator {

class Spool {
 public:
  // What a file has already, at most what is announced, is taken as arrived. `files` must outlive the spool.
  Spool(Files& files, Path file, std::uint64_t announced_bytes, bool continues = false);
  // Removes the file unless it was kept.
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // Throws Malformed unless the chunk continues what arrived and stays within what was announced (nothing is written
  // then); Unavailable when the disk fails.
  void append(std::uint64_t offset, ByteSpan bytes);

  std::uint64_t announced_bytes() const { return announced_; }
  std::uint64_t arrived_bytes() const { return arrived_; }
  bool complete() const { return arrived_ == announced_; }
  // Some of it was there before this object was.
  bool continues() const { return continues_; }
  // Of what arrived.
  Checksum checksum() const { return sum_.value(); }

  // The whole upload. REQUIRES: complete(), and that the spool outlives it. Throws Unavailable.
  std::unique_ptr<MappedFile> map() const;
  // The file stays when the object goes.
  void keep() { kept_ = true; }
  std::string file_name() const { return path_.filename().string(); }

 private:
  void take_what_is_there();

  Files& files_;
  Path path_;
  std::uint64_t announced_;
  std::uint64_t arrived_ = 0;
  bool continues_ = false, made_ = false, kept_ = false;
  RunningChecksum sum_;
  std::unique_ptr<File> file_;
};

// An update as it was announced, and its bytes.
struct Upload {
  Upload(Files& files, Path file, wire::Update update, bool continues = false)
      : announced(std::move(update)), spool(files, std::move(file), announced.blob_bytes, continues) {}

  // What arrived is what was announced. REQUIRES: complete.
  bool intact() const { return spool.checksum() == announced.checksum; }

  // Spool::append, and judges the bytes if it may.
  void append(std::uint64_t offset, ByteSpan bytes) {
    spool.append(offset, bytes);
    if (checker) checker->feed(bytes);
  }

  wire::Update announced;
  Spool spool;
  std::optional<codec::UpdateChecker> checker;  // of all the bytes, when there from the first
  double factor = 1;  // by which its values count, when it was found good: below 1 where it was clipped
};

// The folder of a coordinator's spools: gives each a name of its own, and keeps one unfinished upload of each
// participant of the round. Network thread.
class SpoolFolder {
 public:
  // `files` must outlive it. The folder is there.
  SpoolFolder(Files& files, Path folder);
  ~SpoolFolder();
  SpoolFolder(const SpoolFolder&) = delete;
  SpoolFolder& operator=(const SpoolFolder&) = delete;

  // Takes in what an earlier process left half-way of this round. `counted`: files that are none of its.
  void adopt(std::uint64_t round, const std::vector<std::string>& counted);
  // The upload of this announcement. One that awaits Proceed goes on with what is there of the same update, where
  // nobody else is at it; any other begins anew.
  std::shared_ptr<Upload> begin(const std::string& participant, const wire::Update& update);
  // The same from its start, because what was there of it was damaged.
  std::shared_ptr<Upload> begin_again(const std::string& participant, const wire::Update& update);
  // Nothing more comes of it.
  void forget(const std::string& participant) { unfinished_.erase(participant); }
  // The round is over: what is unfinished goes.
  void clear() { unfinished_.clear(); }

 private:
  Path new_file(const std::string& participant, const wire::Update& update);

  Files& files_;
  Path folder_;
  std::uint64_t serial_ = 0;
  std::map<std::string, std::shared_ptr<Upload>> unfinished_;
};

}  // namespace tributary::coordinator
