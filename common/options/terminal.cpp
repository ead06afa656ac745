#include "common/options/terminal.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <ostream>
#include <utility>

#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/options/wording.h"

namespace tributary::options {

namespace {

constexpr std::string_view kWipe = "\r\033[K";
constexpr std::string_view kGap = "  ";
constexpr std::size_t kPaceSteps = 5;

std::string about(double seconds) {
  const auto rounded = [](double value) { return std::to_string(std::llround(value)); };
  if (seconds < 1) return "less than 1 s";
  if (seconds < 90) return "about " + rounded(seconds) + " s";
  if (seconds < 90 * 60) return "about " + rounded(seconds / 60) + " min";
  return "about " + rounded(seconds / 3600) + " h";
}

}  // namespace

Terminal standard_output() {
  const char* kind = std::getenv("TERM");
  const bool can_redraw = kind != nullptr && std::string_view(kind) != "dumb";
  Terminal terminal{.is_terminal = can_redraw && ::isatty(STDOUT_FILENO) == 1};
  winsize size{};
  if (terminal.is_terminal && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    terminal.width = size.ws_col;
  return terminal;
}

LiveTable::LiveTable(std::ostream& out, Terminal terminal, std::vector<std::string> titles,
                     std::vector<std::size_t> widths)
    : out_(out), terminal_(terminal), titles_(std::move(titles)), widths_(std::move(widths)) {
  widths_.resize(titles_.size());
}

LiveTable::~LiveTable() {
  status("");
}

void LiveTable::row(const std::vector<std::string>& cells) {
  TRIBUTARY_CHECK(cells.size() == titles_.size());
  if (!has_rows_) {
    for (std::size_t i = 0; i < cells.size(); ++i) widths_[i] = std::max(widths_[i], columns(cells[i]));
    line(aligned(titles_));
  }
  has_rows_ = true;
  line(aligned(cells));
}

void LiveTable::note(std::string_view text) {
  line(one_line(text));
}

void LiveTable::status(std::string_view text) {
  if (!terminal_.is_terminal) return;
  // A full last column would make some terminals wrap.
  std::string fitting = cut(one_line(text), std::max<std::size_t>(terminal_.width, 2) - 1);
  if (fitting == status_) return;
  status_ = std::move(fitting);
  out_ << kWipe << status_ << std::flush;
}

void LiveTable::line(const std::string& text) {
  if (!status_.empty()) out_ << kWipe;
  out_ << text << '\n' << status_ << std::flush;
}

std::string LiveTable::aligned(const std::vector<std::string>& cells) {
  std::string result;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    widths_[i] = std::max(widths_[i], columns(cells[i]));
    if (i > 0) result += kGap;
    result += right_aligned(one_line(cells[i]), widths_[i]);
  }
  return result;
}

void Pace::done(double seconds) {
  last_.push_back(seconds);
  if (last_.size() > kPaceSteps) last_.pop_front();
}

std::optional<double> Pace::seconds_left(double steps) const {
  if (last_.empty()) return std::nullopt;
  return steps * std::accumulate(last_.begin(), last_.end(), 0.0) / static_cast<double>(last_.size());
}

std::string describe(const Progress& progress) {
  std::string text = "round " + std::to_string(progress.round);
  if (progress.rounds > 0) text += " of " + std::to_string(progress.rounds);
  if (progress.wanted > 0) {
    text += " · " + std::to_string(progress.updates) + "/" + std::to_string(progress.wanted) + " updates";
  }
  if (progress.seconds_left) text += " · " + about(*progress.seconds_left) + " left";
  return text;
}

}  // namespace tributary::options
