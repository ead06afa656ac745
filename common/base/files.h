// common/base/files.h
//
// The disk as a constructor parameter. Code that must survive crashes reaches files only through Files, so that tests
// can fail or tear any operation. Every failure throws Unavailable with the path and the system's reason.
// RealFiles is thread-safe (it has no state); a File belongs to one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"

namespace tributary {

using Path = std::filesystem::path;

// An open file for writing and reading at offsets.
class File {
 public:
  virtual ~File() = default;
  // Writes all bytes at `offset`, extending the file.
  virtual void write_at(std::uint64_t offset, ByteSpan bytes) = 0;
  // Reads exactly `bytes.size()` bytes; throws Corrupt when the file ends before.
  virtual void read_at(std::uint64_t offset, std::span<std::byte> bytes) const = 0;
  virtual std::uint64_t size() const = 0;
  virtual void truncate(std::uint64_t size) = 0;
  // Returns when the bytes are durable (fdatasync).
  virtual void sync() = 0;
};

// A file's bytes, read-only, mapped where the implementation can. Valid while the object lives.
class MappedFile {
 public:
  virtual ~MappedFile() = default;
  virtual ByteSpan bytes() const = 0;
  // Lets the memory of the whole pages within `part` go; they are read anew when touched. Any thread. A hint.
  virtual void forget(ByteSpan part) const { (void)part; }
};

class Files {
 public:
  virtual ~Files() = default;
  // Creates the file, or empties an existing one.
  virtual std::unique_ptr<File> create(const Path& path) = 0;
  // Opens an existing file for reading and writing.
  virtual std::unique_ptr<File> open(const Path& path) = 0;
  virtual std::unique_ptr<MappedFile> map(const Path& path) const = 0;
  virtual bool exists(const Path& path) const = 0;
  // Names of the entries of a directory, sorted.
  virtual std::vector<std::string> list(const Path& directory) const = 0;
  virtual void make_directories(const Path& directory) = 0;
  virtual void rename(const Path& from, const Path& to) = 0;
  // Does nothing when there is no such file.
  virtual void remove(const Path& path) = 0;
  // Makes renames, creations and removals in `directory` durable.
  virtual void sync_directory(const Path& directory) = 0;
};

class RealFiles final : public Files {
 public:
  std::unique_ptr<File> create(const Path& path) override;
  std::unique_ptr<File> open(const Path& path) override;
  std::unique_ptr<MappedFile> map(const Path& path) const override;
  bool exists(const Path& path) const override;
  std::vector<std::string> list(const Path& directory) const override;
  void make_directories(const Path& directory) override;
  void rename(const Path& from, const Path& to) override;
  void remove(const Path& path) override;
  void sync_directory(const Path& directory) override;
};

// Whether a write returns only when its bytes are durable.
enum class Durability { Buffered, Synced };

// Writes `path` so that a reader sees the old or the new content, never a mixture: temporary name, (sync,) rename,
// (sync of the directory).
void write_atomically(Files& files, const Path& path, ByteSpan bytes, Durability durability = Durability::Synced);

// The whole file. Throws Overloaded, naming path and limit, when it is larger than `max_bytes`.
Bytes read_file(const Path& path, std::uint64_t max_bytes);
std::string read_text_file(const Path& path, std::uint64_t max_bytes = 64u << 20);
void write_text_file(const Path& path, std::string_view text);

}  // namespace tributary
