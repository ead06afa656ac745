// coordinator/store/log.h
//
// An append-only file of entries that tells a write that a crash cut off from a byte that the disk has changed. All
// that one append() brings is one frame, written twice in a row and then made durable; the next frame comes after that.
// So of a frame that was ever promised to be durable two whole copies are there, and
//   - both copies whole: read;
//   - no whole copy, and no frame behind it: the crash cut it off; nobody was promised it; it is dropped;
//   - one whole copy, and no frame behind it: cut off between the copies, or damaged: read, and written anew;
//   - anything else: damaged, which stops the reader with the file's name and the place. History is never shortened.
//
//   file  := frame frame ...          each frame twice
//   frame := "TRIBLOG1" | u64 number (0, 1, 2, ...) | u32 length of the payload | payload | XXH3-128 of all before
//   payload := (u32 length | entry) ..., with a zero byte after every seven bytes: so nothing that a peer has a say in
//              can look like a frame
//
// Life: create() or open(); append() any number of times; after one that threw, the log is of no use. One thread at a
// time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/files.h"

namespace tributary::coordinator::store {

class Log {
 public:
  // Bytes of one frame's entries; a reader refuses longer ones before it allocates.
  static constexpr std::uint32_t kMaxPayloadBytes = 64U << 20;

  using Visit = std::function<void(ByteSpan entry)>;

  // Makes the file, with its first entries, and returns when it is durable. Throws Unavailable.
  static Log create(Files& files, Path path, Durability durability, const std::vector<Bytes>& entries);
  // Hands every entry to `visit`, in order, mends the end, makes all of it durable and is ready for more. nullopt when not even the first frame
  // had become durable: there is no such log. Throws Corrupt and Unavailable.
  static std::optional<Log> open(Files& files, Path path, Durability durability, const Visit& visit);
  // Only reads. What is said of a mended end goes into `note`, when there is something to say.
  static bool read(const Files& files, const Path& path, const Visit& visit, std::string& note);

  // All of them or none; returns when they are durable. Throws Unavailable. REQUIRES: entries of kMaxPayloadBytes
  // together at most.
  void append(const std::vector<Bytes>& entries);

  std::uint64_t bytes() const { return end_; }

 private:
  Log(std::unique_ptr<File> file, Durability durability, std::uint64_t end, std::uint64_t next)
      : file_(std::move(file)), durability_(durability), end_(end), next_(next) {}

  std::unique_ptr<File> file_;
  Durability durability_;
  std::uint64_t end_;   // of the last frame
  std::uint64_t next_;  // its number
  bool broken_ = false;
};

}  // namespace tributary::coordinator::store
