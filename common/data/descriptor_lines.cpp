// Lines from standard input and from a Unix-domain socket.
#include <cerrno>
#include <cstring>
#include <list>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/data/line_source.h"

namespace tributary::data {

namespace {

constexpr std::size_t kChunk = 64u << 10;

bool is_readable(int descriptor) {
  pollfd wanted{descriptor, POLLIN, 0};
  return ::poll(&wanted, 1, 0) > 0;
}

// One that is written to until its writer closes it.
class Written {
 public:
  explicit Written(int descriptor) : descriptor_(descriptor) {}

  Next next(LineSource::Line& line) {
    for (;;) {
      if (cutter_.next(line)) return Next::Example;
      if (ended_) return cutter_.rest(line) ? Next::Example : Next::End;
      if (!is_readable(descriptor_)) return Next::Nothing;
      char buffer[kChunk];
      const ssize_t count = ::read(descriptor_, buffer, sizeof buffer);
      if (count < 0 && (errno == EAGAIN || errno == EINTR)) return Next::Nothing;
      if (count <= 0) ended_ = true;
      if (count > 0) cutter_.add({buffer, static_cast<std::size_t>(count)});
    }
  }
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
  LineCutter cutter_;
  bool ended_ = false;
};

class Descriptor final : public LineSource {
 public:
  explicit Descriptor(int descriptor) : written_(descriptor) {}
  Next next(Line& line) override { return written_.next(line); }

 private:
  Written written_;
};

[[noreturn]] void fail_at(const Path& path, const std::string& what) {
  fail(Error::Kind::Unavailable, path.string() + ": " + what);
}

sockaddr_un address_of(const Path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  if (text.empty() || text.size() >= sizeof address.sun_path)
    fail(Error::Kind::Malformed, "stream.source: the path of a Unix-domain socket has 1 to " +
                                     std::to_string(sizeof address.sun_path - 1) + " bytes");
  std::memcpy(address.sun_path, text.c_str(), text.size());
  return address;
}

class UnixSocket final : public LineSource {
 public:
  explicit UnixSocket(const Path& path) : path_(path) {
    const sockaddr_un address = address_of(path);
    remove_a_dead_one(address);
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener_ < 0) fail_at(path_, std::strerror(errno));
    const mode_t before = ::umask(0177);
    const int bound = ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    ::umask(before);
    if (bound != 0 || ::listen(listener_, kMostWriters) != 0) {
      const std::string why = std::strerror(errno);
      ::close(listener_);
      fail_at(path_, why);
    }
  }
  ~UnixSocket() override {
    for (const Written& writer : writers_) ::close(writer.descriptor());
    ::close(listener_);
    ::unlink(path_.c_str());
  }
  UnixSocket(const UnixSocket&) = delete;
  UnixSocket& operator=(const UnixSocket&) = delete;

  // Writers take turns, so that a busy one does not silence the others.
  Next next(Line& line) override {
    accept_writers();
    for (std::size_t turns = writers_.size(); turns > 0; --turns) {
      const Next found = writers_.front().next(line);
      if (found == Next::End) {
        ::close(writers_.front().descriptor());
        writers_.pop_front();
        continue;
      }
      writers_.splice(writers_.end(), writers_, writers_.begin());
      if (found == Next::Example) return found;
    }
    return Next::Nothing;
  }

 private:
  static constexpr int kMostWriters = 64;

  // A socket that nobody listens at is left over from a run that was killed.
  void remove_a_dead_one(const sockaddr_un& address) const {
    struct stat status {};
    if (::lstat(path_.c_str(), &status) != 0) return;
    if (!S_ISSOCK(status.st_mode)) fail_at(path_, "exists and is no socket");
    const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool alive = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(probe);
    if (alive) fail_at(path_, "another process listens there");
    ::unlink(path_.c_str());
  }

  void accept_writers() {
    while (writers_.size() < kMostWriters) {
      const int writer = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (writer < 0) return;
      writers_.emplace_back(writer);
    }
  }

  Path path_;
  int listener_ = -1;
  std::list<Written> writers_;
};

}  // namespace

std::unique_ptr<LineSource> read_descriptor(int descriptor) {
  return std::make_unique<Descriptor>(descriptor);
}

std::unique_ptr<LineSource> listen_unix(const Path& path) {
  return std::make_unique<UnixSocket>(path);
}

}  // namespace tributary::data
