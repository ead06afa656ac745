#include "simulations/picture.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "common/base/error.h"
#include "coordinator/report_page.h"

namespace tributary::simulation {

namespace {

using coordinator::escape_html;

constexpr double kWidth = 960, kLeft = 52, kRight = 8;
constexpr double kBars = 84, kGap = 10, kRow = 22, kBottom = 24;
constexpr double kWidestBar = 28;
constexpr std::uint32_t kMaxClasses = 50;

using Counts = std::vector<std::vector<std::uint64_t>>;  // [participant][class]

std::string at(double coordinate) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", coordinate);
  return text.data();
}

Counts count(const data::Dataset& examples, const std::vector<std::vector<std::uint32_t>>& parts, std::size_t drawn) {
  const std::uint32_t classes = examples.classes() <= kMaxClasses ? examples.classes() : 0;
  Counts counts(drawn, std::vector<std::uint64_t>(classes));
  for (std::size_t p = 0; classes > 0 && p < drawn; ++p) {
    for (const std::uint32_t i : parts[p]) ++counts[p][examples.label_of(i)];
  }
  return counts;
}

class Picture {
 public:
  Picture(const std::vector<std::string>& names, const std::vector<std::vector<std::uint32_t>>& parts, Counts counts)
      : names_(names), parts_(parts), counts_(std::move(counts)), classes_(counts_.front().size()) {
    for (std::size_t p = 0; p < counts_.size(); ++p) {
      largest_part_ = std::max(largest_part_, parts_[p].size());
      for (const std::uint64_t n : counts_[p]) largest_cell_ = std::max(largest_cell_, n);
    }
  }

  std::string svg() {
    const double height = kBars + kGap + kRow * static_cast<double>(classes_) + kBottom;
    out_ = "<svg viewBox=\"0 0 " + at(kWidth) + " " + at(height) + "\" role=\"img\" aria-label=\"who holds what\">";
    for (std::size_t c = 0; c < classes_; ++c) {
      text(kLeft - 8, row(c) + kRow / 2 + 4, "end", std::to_string(c));
    }
    text(kLeft - 8, kBars, "end", "size");
    const std::size_t every = 1 + counts_.size() / 16;
    for (std::size_t p = 0; p < counts_.size(); ++p) {
      bar(p);
      for (std::size_t c = 0; c < classes_; ++c) cell(p, c);
      if (p % every == 0) text(left(p) + slot() / 2, height - 8, "middle", names_[p]);
    }
    return out_ + "</svg>";
  }

 private:
  double slot() const { return (kWidth - kLeft - kRight) / static_cast<double>(counts_.size()); }
  double gap() const { return slot() > 12 ? 2 : slot() > 5 ? 1 : 0.4; }
  double left(std::size_t p) const { return kLeft + slot() * static_cast<double>(p); }
  static double row(std::size_t c) { return kBars + kGap + kRow * static_cast<double>(c); }

  void text(double x, double y, const char* anchor, const std::string& what) {
    out_ +=
        "<text x=\"" + at(x) + "\" y=\"" + at(y) + "\" text-anchor=\"" + anchor + "\">" + escape_html(what) + "</text>";
  }

  void rect(double x, double y, double width, double height, const std::string& style, const std::string& tip) {
    out_ += "<rect x=\"" + at(x) + "\" y=\"" + at(y) + "\" width=\"" + at(width) + "\" height=\"" + at(height) +
            "\" rx=\"2\" " + style + " data-tip=\"" + escape_html(tip) + "\"/>";
  }

  void bar(std::size_t p) {
    const double share =
        static_cast<double>(parts_[p].size()) / static_cast<double>(std::max<std::size_t>(1, largest_part_));
    const double height = std::max(1.0, (kBars - 24) * share);
    const double width = std::min(slot() - gap(), kWidestBar);
    rect(left(p) + (slot() - gap() - width) / 2, kBars - height, width, height, "class=\"s1\"",
         names_[p] + "|" + std::to_string(parts_[p].size()) + " examples");
    if (counts_.size() <= 16)
      text(left(p) + slot() / 2, kBars - height - 4, "middle", std::to_string(parts_[p].size()));
  }

  void cell(std::size_t p, std::size_t c) {
    const std::uint64_t n = counts_[p][c];
    const double share = static_cast<double>(n) / static_cast<double>(std::max<std::uint64_t>(1, largest_cell_));
    const std::string style = n == 0 ? "style=\"fill:var(--line);fill-opacity:.45\""
                                     : "style=\"fill:var(--heat);fill-opacity:" + at2(0.12 + 0.88 * share) + "\"";
    rect(left(p), row(c), slot() - gap(), kRow - gap(), style,
         names_[p] + "|class " + std::to_string(c) + ": " + std::to_string(n) + " of " +
             std::to_string(parts_[p].size()));
  }

  static std::string at2(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.2f", value);
    return text.data();
  }

  const std::vector<std::string>& names_;
  const std::vector<std::vector<std::uint32_t>>& parts_;
  Counts counts_;
  std::size_t classes_;
  std::size_t largest_part_ = 0;
  std::uint64_t largest_cell_ = 0;
  std::string out_;
};

}  // namespace

std::string partition_picture(const data::Dataset& examples, const std::vector<std::string>& names,
                              const std::vector<std::vector<std::uint32_t>>& parts, const std::string& partition) {
  TRIBUTARY_CHECK(names.size() == parts.size());
  if (names.empty()) return "";
  const std::size_t drawn = std::min(names.size(), kMaxDrawn);
  std::string caption = "partition " + partition + ", " + std::to_string(names.size()) + " participants";
  if (drawn < names.size()) caption += "; the first " + std::to_string(drawn) + " are drawn";
  Counts counts = count(examples, parts, drawn);
  const bool by_class = !counts.front().empty();
  return "<figure><figcaption>" + std::string(by_class ? "Examples by class" : "Examples") + "<small>" +
         escape_html(caption) + (by_class ? "; rows are classes, a stronger colour holds more" : "") +
         "</small></figcaption><div class=\"wide\">" + Picture(names, parts, std::move(counts)).svg() +
         "</div></figure>";
}

}  // namespace tributary::simulation
