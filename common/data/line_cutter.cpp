#include "common/data/line_source.h"

namespace tributary::data {

void LineCutter::add(std::string_view bytes) {
  if (at_ > 0) {
    bytes_.erase(0, at_);
    searched_ -= at_;
    at_ = 0;
  }
  bytes_.append(bytes);
}

bool LineCutter::give(std::string_view text, std::size_t taken, LineSource::Line& line) {
  line.cut = skipped_ > 0 || text.size() > kMaxLineBytes;
  line.text = head_.empty() ? std::string(text.substr(0, kMaxLineBytes)) : head_;
  line.is_first = !given_any_;
  given_any_ = true;
  consumed_ += skipped_ + taken;
  skipped_ = 0;
  head_.clear();
  at_ += taken;
  searched_ = at_;
  return true;
}

bool LineCutter::next(LineSource::Line& line) {
  const auto end = bytes_.find('\n', searched_);
  if (end != std::string::npos) return give(std::string_view(bytes_).substr(at_, end - at_), end + 1 - at_, line);
  searched_ = bytes_.size();
  // What cannot become a line that is kept is thrown away, all but its head.
  if (bytes_.size() - at_ > kMaxLineBytes) {
    if (head_.empty()) head_ = bytes_.substr(at_, kMaxLineBytes);
    skipped_ += bytes_.size() - at_;
    bytes_.clear();
    at_ = searched_ = 0;
  }
  return false;
}

bool LineCutter::rest(LineSource::Line& line) {
  if (next(line)) return true;
  if (waiting() == 0 && skipped_ == 0) return false;
  return give(std::string_view(bytes_).substr(at_), bytes_.size() - at_, line);
}

}  // namespace tributary::data
