#include "common/base/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/base/error.h"

namespace tributary {

namespace {

[[noreturn]] void fail_errno(const char* action, const Path& path) {
  const int code = errno;
  fail(Error::Kind::Unavailable, std::string("cannot ") + action + " " + path.string() + ": " + std::strerror(code));
}

class Descriptor {
 public:
  Descriptor(const Path& path, int flags, const char* action) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {
    if (fd_ < 0) fail_errno(action, path);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { ::close(fd_); }
  int get() const { return fd_; }

 private:
  int fd_;
};

class RealFile final : public File {
 public:
  RealFile(Path path, int flags, const char* action) : path_(std::move(path)), fd_(path_, flags, action) {}

  void write_at(std::uint64_t offset, ByteSpan bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) fail_errno("write", path_);
      bytes = bytes.subspan(static_cast<std::size_t>(n));
      offset += static_cast<std::uint64_t>(n);
    }
  }
  void read_at(std::uint64_t offset, std::span<std::byte> bytes) const override {
    while (!bytes.empty()) {
      const ssize_t n = ::pread(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail_errno("read", path_);
      if (n == 0) fail(Error::Kind::Corrupt, path_.string() + ": ends early");
      bytes = bytes.subspan(static_cast<std::size_t>(n));
      offset += static_cast<std::uint64_t>(n);
    }
  }
  std::uint64_t size() const override {
    struct stat info {};
    if (::fstat(fd_.get(), &info) != 0) fail_errno("read", path_);
    return static_cast<std::uint64_t>(info.st_size);
  }
  void truncate(std::uint64_t size) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) fail_errno("truncate", path_);
  }
  void sync() override {
    if (::fdatasync(fd_.get()) != 0) fail_errno("sync", path_);
  }

 private:
  Path path_;
  Descriptor fd_;
};

class RealMappedFile final : public MappedFile {
 public:
  explicit RealMappedFile(const Path& path) {
    const Descriptor fd(path, O_RDONLY, "open");
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) fail_errno("read", path);
    if (!S_ISREG(info.st_mode)) fail(Error::Kind::Unavailable, "cannot read " + path.string() + ": not a regular file");
    size_ = static_cast<std::size_t>(info.st_size);
    if (size_ == 0) return;
    address_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd.get(), 0);
    if (address_ == MAP_FAILED) fail_errno("map", path);
  }
  RealMappedFile(const RealMappedFile&) = delete;
  RealMappedFile& operator=(const RealMappedFile&) = delete;
  ~RealMappedFile() override {
    if (size_ != 0) ::munmap(address_, size_);
  }
  ByteSpan bytes() const override { return {static_cast<const std::byte*>(address_), size_}; }
  void forget(ByteSpan part) const override {
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const auto begin = (reinterpret_cast<std::uintptr_t>(part.data()) + page - 1) / page * page;
    const auto end = reinterpret_cast<std::uintptr_t>(part.data() + part.size()) / page * page;
    if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }

 private:
  void* address_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace

std::unique_ptr<File> RealFiles::create(const Path& path) {
  return std::make_unique<RealFile>(path, O_RDWR | O_CREAT | O_TRUNC, "create");
}

std::unique_ptr<File> RealFiles::open(const Path& path) { return std::make_unique<RealFile>(path, O_RDWR, "open"); }

std::unique_ptr<MappedFile> RealFiles::map(const Path& path) const { return std::make_unique<RealMappedFile>(path); }

bool RealFiles::exists(const Path& path) const {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0;
}

std::vector<std::string> RealFiles::list(const Path& directory) const {
  DIR* handle = ::opendir(directory.c_str());
  if (handle == nullptr) fail_errno("list", directory);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(handle)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  ::closedir(handle);
  std::sort(names.begin(), names.end());
  return names;
}

void RealFiles::make_directories(const Path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) fail(Error::Kind::Unavailable, "cannot create " + directory.string() + ": " + error.message());
}

void RealFiles::rename(const Path& from, const Path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) fail_errno("rename", from);
}

void RealFiles::remove(const Path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) fail_errno("remove", path);
}

void RealFiles::sync_directory(const Path& directory) {
  const Descriptor fd(directory.empty() ? Path(".") : directory, O_RDONLY | O_DIRECTORY, "open");
  if (::fsync(fd.get()) != 0) fail_errno("sync", directory);
}

void write_atomically(Files& files, const Path& path, ByteSpan bytes, Durability durability) {
  Path temporary = path;
  temporary += ".tmp";
  {
    const std::unique_ptr<File> file = files.create(temporary);
    file->write_at(0, bytes);
    if (durability == Durability::Synced) file->sync();
  }
  files.rename(temporary, path);
  if (durability == Durability::Synced) files.sync_directory(path.parent_path());
}

Bytes read_file(const Path& path, std::uint64_t max_bytes) {
  const RealMappedFile file(path);
  if (file.bytes().size() > max_bytes) {
    fail(Error::Kind::Overloaded, path.string() + ": " + std::to_string(file.bytes().size()) + " bytes, at most " +
                                      std::to_string(max_bytes) + " allowed");
  }
  return {file.bytes().begin(), file.bytes().end()};
}

std::string read_text_file(const Path& path, std::uint64_t max_bytes) {
  return std::string(as_text(read_file(path, max_bytes)));
}

void write_text_file(const Path& path, std::string_view text) {
  RealFiles files;
  write_atomically(files, path, as_bytes(text), Durability::Buffered);
}

}  // namespace tributary
