// common/base/simulated_disk.h
//
// A disk in memory that fails as disks do, for tests and simulations: it fails the n-th operation that changes
// something, loses power before it, and forgets or tears what was not made durable.
//
// What is durable: a file's bytes after sync(), an entry of a directory after sync_directory(); each without the other
// is of no use. A crash keeps everything (the process died, the machine lives), only what was durable, or a random part
// of the rest: sectors of 512 bytes and entries one by one.
//
// Life: use it as Files; after a crash drop what was opened, restart(), open anew. One thread.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/files.h"
#include "common/base/random.h"

namespace tributary {

class SimulatedDisk final : public Files {
 public:
  SimulatedDisk();
  ~SimulatedDisk() override;

  // Thrown by every operation from the crash to restart(). Not an Error: nobody takes it for a failing disk.
  struct Crashed : std::runtime_error {
    Crashed() : std::runtime_error("the simulated machine has crashed") {}
  };

  // Operations so far that change something or make it durable: create, write, truncate, sync, make_directories,
  // rename, remove, sync_directory.
  std::uint64_t operations() const { return operations_; }
  // The operation with this number (0 is the first of the disk's life) fails with Unavailable: "no space left".
  void fail_at(std::uint64_t operation) { fail_at_ = operation; }
  // From that operation on all fail.
  void fail_from(std::uint64_t operation) { fail_from_ = operation; }
  // The machine crashes instead of doing it.
  void crash_at(std::uint64_t operation) { crash_at_ = operation; }

  // The machine crashes now.
  void crash() { crashed_ = true; }
  bool crashed() const { return crashed_; }
  // From now on this is a disk that says that it has made durable what it has not: sync() and sync_directory() do
  // nothing. For checking those that check.
  void lie_about_syncs() { lies_ = true; }

  // How much of what was not durable a crash leaves.
  enum class Loss : std::uint8_t { Nothing, Everything, Torn };
  // The machine comes up again, without faults planned. `random` chooses what of a torn write is there.
  void restart(Loss loss, RandomStream& random);

  // A byte of a file as it is, durable or not, for tests of damage.
  void flip(const Path& path, std::uint64_t offset, unsigned bit);
  // All files, sorted.
  std::vector<Path> files() const;

  std::unique_ptr<File> create(const Path& path) override;
  std::unique_ptr<File> open(const Path& path) override;
  std::unique_ptr<MappedFile> map(const Path& path) const override;
  bool exists(const Path& path) const override;
  std::vector<std::string> list(const Path& directory) const override;
  void make_directories(const Path& directory) override;
  void rename(const Path& from, const Path& to) override;
  void remove(const Path& path) override;
  void sync_directory(const Path& directory) override;

 private:
  struct Node;
  class OpenFile;
  class Image;
  using NodePtr = std::shared_ptr<Node>;

  // Before each operation that counts.
  void step(const Path& path);
  void check_alive() const;
  NodePtr find(const Path& path) const;

  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
  std::map<Path, NodePtr> entries_, durable_;
  std::map<Path, bool> directories_;
  std::uint64_t operations_ = 0;
  std::uint64_t fail_at_ = kNever, fail_from_ = kNever, crash_at_ = kNever;
  bool crashed_ = false, lies_ = false;
};

}  // namespace tributary
