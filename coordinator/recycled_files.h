// coordinator/recycled_files.h
//
// A disk for files that come and go: what is removed is kept, and written over by what is created next. To make a file,
// to give it memory page by page and to take all that away again costs several times what writing its bytes does; on a
// virtual machine whose host has to find the pages, ten times. Files of one folder are much of a size, so what is kept
// of a folder goes back into it.
//
// The contract is that of Files, with one exception: after a crash a file that was neither synced nor closed may be
// longer than what was written to it, by bytes of an older one. What is read after a crash needs a checksum anyway.
// Thread-safe; a File belongs to one thread.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "common/base/files.h"

namespace tributary::coordinator {

class RecycledFiles final : public Files {
 public:
  // Kept at most: of the disk, and open.
  static constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 30;
  static constexpr std::size_t kMaxFiles = 256;

  // What is kept lies in `folder`, which is made, as idle-1, idle-2 and so on; those of an earlier process are removed.
  // Throws Unavailable. `files` must outlive it.
  RecycledFiles(Files& files, Path folder);
  // Removes what is kept. REQUIRES: no File is left.
  ~RecycledFiles() override;
  RecycledFiles(const RecycledFiles&) = delete;
  RecycledFiles& operator=(const RecycledFiles&) = delete;

  std::unique_ptr<File> create(const Path& path) override;
  std::unique_ptr<File> open(const Path& path) override;
  std::unique_ptr<MappedFile> map(const Path& path) const override;
  bool exists(const Path& path) const override { return files_.exists(path); }
  std::vector<std::string> list(const Path& directory) const override { return files_.list(directory); }
  void make_directories(const Path& directory) override { files_.make_directories(directory); }
  void rename(const Path& from, const Path& to) override;
  void remove(const Path& path) override;
  void sync_directory(const Path& directory) override { files_.sync_directory(directory); }

 private:
  // How much was written to a file that may be longer than that.
  using Written = std::shared_ptr<std::atomic<std::uint64_t>>;
  class Overwritten;
  class Begun;
  struct Kept {
    Path path;
    Path folder;  // that it was in
    std::unique_ptr<File> file;
    std::uint64_t bytes = 0;
  };

  std::optional<Kept> take(const Path& folder);
  bool keep(const Path& path);
  Written written(const Path& path) const;
  void forget(const Written& written);

  Files& files_;
  Path folder_;
  mutable std::mutex mutex_;
  std::vector<Kept> kept_;
  std::uint64_t kept_bytes_ = 0;
  std::uint64_t names_ = 0;
  std::map<Path, Written> written_;
};

}  // namespace tributary::coordinator
