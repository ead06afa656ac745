// common/data/line_source.h
//
// Where lines come from while somebody else writes them. A source never blocks: it gives what there is. It belongs to
// one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/files.h"
#include "common/data/stream.h"

namespace tributary::data {

// The longest line that is kept, in bytes; more of a line is read over, and the line is given cut.
constexpr std::size_t kMaxLineBytes = 64u << 10;

class LineSource {
 public:
  virtual ~LineSource() = default;
  // The next whole line, without its end. `is_first` says that it begins a file or a connection. Throws Unavailable
  // when the source is lost for good.
  struct Line {
    std::string text;
    bool is_first = false;
    bool cut = false;  // it was longer than kMaxLineBytes
  };
  virtual Next next(Line& line) = 0;
  // Where reading stands, behind the last line given: text for follow_file(), or empty where there is no way back.
  virtual std::string position() const { return {}; }
};

// Cuts bytes into lines. A value.
class LineCutter {
 public:
  void add(std::string_view bytes);
  bool next(LineSource::Line& line);
  // The last line, without an end, if there is one.
  bool rest(LineSource::Line& line);
  // Bytes of the lines given, their ends included.
  std::uint64_t consumed() const { return consumed_; }
  // Bytes that wait for the rest of their line or to be asked for.
  std::size_t waiting() const { return bytes_.size() - at_; }
  // Bytes of a line that is too long and not at its end yet.
  std::uint64_t thrown_away() const { return skipped_; }

 private:
  bool give(std::string_view text, std::size_t taken, LineSource::Line& line);

  std::string bytes_;
  std::size_t at_ = 0, searched_ = 0;
  std::uint64_t skipped_ = 0;  // of a line that is too long, thrown away already
  std::string head_;           // of such a line
  std::uint64_t consumed_ = 0;
  bool given_any_ = false;
};

// A file that grows. When it is rotated (another file stands in its place), the old one is read to its end, then the
// new one from its beginning; when it becomes shorter, it is read anew from its beginning. A line counts when its end
// is there. `position`: of an earlier run; a file that was rotated since is looked for in the same folder. `follow` =
// false: the end of the file is the end. A missing file is waited for when it is followed.
// Throws Unavailable when it cannot be read, Malformed for a position that is none.
std::unique_ptr<LineSource> follow_file(const Path& path, const std::string& position = "", bool follow = true);

// What is written to an open descriptor, which stays the caller's: standard input.
std::unique_ptr<LineSource> read_descriptor(int descriptor);

// A Unix-domain stream socket at `path`, to which any number of writers (at most 64 at once) connect; readable by the
// owner only. Removes the socket of a run that is dead, and its own at the end. Throws Unavailable when another process
// listens there, or it cannot be made.
std::unique_ptr<LineSource> listen_unix(const Path& path);

}  // namespace tributary::data
