#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/data/line_source.h"

namespace tributary::data {

namespace {

constexpr std::size_t kChunk = 256u << 10;

struct Identity {
  std::uint64_t device = 0, inode = 0;
  friend bool operator==(const Identity&, const Identity&) = default;
};

// A file of one's own to read from; closed at the end.
class Opened {
 public:
  Opened() = default;
  explicit Opened(const Path& path) : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0 && errno != ENOENT) fail(Error::Kind::Unavailable, path.string() + ": " + std::strerror(errno));
  }
  Opened(Opened&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Opened& operator=(Opened&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Opened() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  explicit operator bool() const { return descriptor_ >= 0; }
  struct stat status() const {
    struct stat status {};
    ::fstat(descriptor_, &status);
    return status;
  }
  Identity identity() const {
    const auto found = status();
    return {found.st_dev, found.st_ino};
  }
  std::uint64_t size() const { return static_cast<std::uint64_t>(status().st_size); }
  ssize_t read(char* to, std::size_t count, std::uint64_t offset) const {
    return ::pread(descriptor_, to, count, static_cast<off_t>(offset));
  }

 private:
  int descriptor_ = -1;
};

class FollowedFile final : public LineSource {
 public:
  FollowedFile(Path path, const std::string& position, bool follow) : path_(std::move(path)), follow_(follow) {
    if (!position.empty()) resume(position);
  }

  Next next(Line& line) override {
    for (;;) {
      if (file_ && cutter_.next(line)) {
        line.is_first = line.is_first && start_ == 0;
        return Next::Example;
      }
      if (!read_more()) return follow_ ? Next::Nothing : last_line(line);
    }
  }

  // "device inode offset".
  std::string position() const override {
    if (!file_) return {};
    const Identity identity = file_.identity();
    return std::to_string(identity.device) + " " + std::to_string(identity.inode) + " " +
           std::to_string(start_ + cutter_.consumed());
  }

 private:
  // True when there is something new to cut, or another file.
  bool read_more() {
    if (!file_) {
      file_ = Opened(path_);
      if (!file_ && !follow_) fail(Error::Kind::Unavailable, path_.string() + ": no such file");
      return static_cast<bool>(file_);
    }
    const std::uint64_t at = start_ + cutter_.consumed() + cutter_.waiting() + cutter_.thrown_away();
    if (file_.size() < at) {
      begin(std::move(file_), 0);
      return true;
    }
    buffer_.resize(kChunk);
    const ssize_t count = file_.read(buffer_.data(), buffer_.size(), at);
    if (count < 0) fail(Error::Kind::Unavailable, path_.string() + ": " + std::strerror(errno));
    if (count > 0) {
      cutter_.add({buffer_.data(), static_cast<std::size_t>(count)});
      return true;
    }
    return follow_ && rotated();
  }

  // At the end of this file: does another one stand in its place?
  bool rotated() {
    Opened other(path_);
    if (!other || other.identity() == file_.identity()) return false;
    begin(std::move(other), 0);
    return true;
  }

  Next last_line(Line& line) {
    if (!cutter_.rest(line)) return Next::End;
    line.is_first = line.is_first && start_ == 0;
    return Next::Example;
  }

  void begin(Opened file, std::uint64_t offset) {
    file_ = std::move(file);
    cutter_ = LineCutter();
    start_ = offset;
  }

  void resume(const std::string& position) {
    const auto parts = split(position, ' ');
    std::uint64_t numbers[3] = {};
    for (std::size_t i = 0; i < 3; ++i) {
      const auto number = parts.size() == 3 ? parse_int(parts[i]) : std::nullopt;
      if (!number || *number < 0)
        fail(Error::Kind::Malformed, path_.string() + ": '" + position.substr(0, 60) + "' is no position in a file");
      numbers[i] = static_cast<std::uint64_t>(*number);
    }
    const Identity wanted{numbers[0], numbers[1]};
    if (auto found = find(wanted); found && found->size() >= numbers[2]) begin(std::move(*found), numbers[2]);
  }

  // The file itself, or what it was renamed to.
  std::optional<Opened> find(const Identity& wanted) const {
    if (Opened file(path_); file && file.identity() == wanted) return file;
    std::error_code error;
    const Path folder = path_.has_parent_path() ? path_.parent_path() : Path(".");
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      if (!entry.is_regular_file(error)) continue;
      if (Opened file(entry.path()); file && file.identity() == wanted) return file;
    }
    return std::nullopt;
  }

  Path path_;
  bool follow_;
  Opened file_;
  LineCutter cutter_;
  std::uint64_t start_ = 0;  // where in the file the cutter began
  std::string buffer_;
};

}  // namespace

std::unique_ptr<LineSource> follow_file(const Path& path, const std::string& position, bool follow) {
  return std::make_unique<FollowedFile>(path, position, follow);
}

}  // namespace tributary::data
