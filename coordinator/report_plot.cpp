#include "coordinator/report_plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

#include "common/base/text.h"
#include "coordinator/report_page.h"

namespace tributary::coordinator {

namespace {

// The drawing, in SVG units; text is 11 units high.
constexpr double kWidth = 460, kHeight = 232;
constexpr double kLeft = 56, kRight = 14, kTop = 10, kBottom = 34;
constexpr double kInnerWidth = kWidth - kLeft - kRight, kInnerHeight = kHeight - kTop - kBottom;
// More marks or tips than this in one plot would only make the page slow.
constexpr std::size_t kMaxPoints = 30, kMaxTips = 250;

std::string digits(double value, int decimals) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return text.data();
}

std::string at(double coordinate) {
  return digits(coordinate, 1);
}

// Digits after the point that tell values of this magnitude apart in three figures.
int decimals_for(double magnitude) {
  if (!(magnitude > 0) || magnitude >= 100) return 0;  // also what is not a number
  return std::clamp(2 - static_cast<int>(std::floor(std::log10(magnitude))), 0, 6);
}

struct Axis {
  double low = 0, high = 1;
  bool logarithmic = false;
  std::vector<double> ticks;

  double place(double value) const {
    const double share =
        logarithmic ? (std::log10(std::max(value, low)) - std::log10(low)) / (std::log10(high) - std::log10(low))
                    : (value - low) / (high - low);
    return kTop + kInnerHeight * (1 - std::clamp(share, 0.0, 1.0));
  }
};

struct Extent {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  double smallest_positive = std::numeric_limits<double>::infinity();

  bool empty() const { return low > high; }
  void take(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
    if (value > 0) smallest_positive = std::min(smallest_positive, value);
  }
};

double stacked_at(const Plot& plot, std::size_t i) {
  double sum = 0;
  for (const Series& series : plot.series) sum += series.y[i].value_or(0);
  return sum;
}

Extent extent_of(const Plot& plot) {
  Extent extent;
  for (std::size_t i = 0; i < plot.x.size(); ++i) {
    if (plot.marks == Plot::Marks::StackedBars) extent.take(stacked_at(plot, i));
    for (const Series& series : plot.series) {
      if (series.y[i]) extent.take(*series.y[i]);
      if (i < series.low.size() && series.low[i]) extent.take(*series.low[i]);
      if (i < series.high.size() && series.high[i]) extent.take(*series.high[i]);
    }
  }
  if (extent.empty()) return extent;
  for (const Reference& reference : plot.references) extent.take(reference.y);
  return extent;
}

// A step of 1, 2 or 5 times a power of ten that cuts `range` into about four.
double nice_step(double range) {
  const double raw = range / 4;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (raw <= factor * power * 1.0001) return factor * power;
  }
  return 10 * power;
}

Axis logarithmic_axis(const Extent& extent) {
  Axis axis;
  axis.logarithmic = true;
  const double low = std::isfinite(extent.smallest_positive) ? extent.smallest_positive : 1;
  const double first = std::floor(std::log10(low));
  const double last = std::max(std::ceil(std::log10(std::max(extent.high, low))), first + 1);
  axis.low = std::pow(10, first);
  axis.high = std::pow(10, last);
  const double step = std::ceil((last - first) / 6);
  for (double power = first; power <= last; power += step) axis.ticks.push_back(std::pow(10, power));
  return axis;
}

Axis linear_axis(const Extent& extent, bool from_zero, Unit unit) {
  Axis axis;
  double low = from_zero ? std::min(0.0, extent.low) : extent.low;
  double high = extent.high;
  if (high - low < 1e-12 * std::max(1.0, std::abs(high))) {
    high += std::max(std::abs(high) * 0.1, 1e-3);
    if (!from_zero) low -= std::max(std::abs(low) * 0.1, 1e-3);
  }
  double step = nice_step(high - low);
  if (unit == Unit::Count) step = std::max(1.0, step);
  axis.low = std::floor(low / step + 1e-9) * step;
  axis.high = std::ceil(high / step - 1e-9) * step;
  if (unit == Unit::Percent) axis.high = std::min(axis.high, std::max(1.0, high));
  for (double tick = axis.low; tick <= axis.high + step / 1000; tick += step) axis.ticks.push_back(tick);
  return axis;
}

Axis axis_of(const Plot& plot, const Extent& extent) {
  if (plot.scale == Plot::Scale::Logarithmic) return logarithmic_axis(extent);
  return linear_axis(extent, plot.scale == Plot::Scale::FromZero, plot.unit);
}

// A tick says no more digits than its axis needs.
std::string tick_text(double value, double step, Unit unit) {
  if (value == 0 && unit != Unit::Percent) return "0";
  switch (unit) {
    case Unit::Percent:
      return digits(value * 100, step * 100 < 0.999 ? 1 : 0) + " %";
    case Unit::Seconds:
      if (value < 0.00099) return digits(value * 1e6, 0) + " µs";
      if (value < 0.99) return digits(value * 1e3, 0) + " ms";
      return value < 60 ? digits(value, step < 0.999 ? 1 : 0) + " s" : human_seconds(value);
    case Unit::Number:
      return digits(value, step < 0.0099 ? 3 : step < 0.099 ? 2 : step < 0.99 ? 1 : 0);
    default:
      return with_unit(value, unit);
  }
}

class Drawing {
 public:
  explicit Drawing(const Plot& plot) : plot_(plot), axis_(axis_of(plot, extent_of(plot))) {}

  std::string svg() {
    out_ = "<svg viewBox=\"0 0 " + digits(kWidth, 0) + " " + digits(kHeight, 0) + "\" role=\"img\" aria-label=\"" +
           escape_html(plot_.title) + "\">";
    grid();
    rounds_axis();
    if (plot_.marks == Plot::Marks::StackedBars) {
      bars();
    } else {
      for (const Series& series : plot_.series) band(series);
      for (const Series& series : plot_.series) line(series);
    }
    for (const Reference& reference : plot_.references) level(reference);
    tips();
    return out_ + "</svg>";
  }

 private:
  double slot() const { return kInnerWidth / static_cast<double>(plot_.x.size()); }
  // Bars stand in slots; the points of a line reach from edge to edge.
  double x_at(std::size_t i) const {
    const auto place = static_cast<double>(i);
    if (plot_.marks == Plot::Marks::StackedBars || plot_.x.size() == 1) return kLeft + slot() * (place + 0.5);
    return kLeft + kInnerWidth * place / static_cast<double>(plot_.x.size() - 1);
  }

  void text(double x, double y, const char* anchor, const std::string& what) {
    out_ +=
        "<text x=\"" + at(x) + "\" y=\"" + at(y) + "\" text-anchor=\"" + anchor + "\">" + escape_html(what) + "</text>";
  }

  void grid() {
    const double step = axis_.ticks.size() > 1 ? axis_.ticks[1] - axis_.ticks[0] : axis_.high;
    for (const double tick : axis_.ticks) {
      const std::string y = at(axis_.place(tick));
      out_ += "<path class=\"grid\" d=\"M" + at(kLeft) + " " + y + "H" + at(kWidth - kRight) + "\"/>";
      text(kLeft - 7, axis_.place(tick) + 3.8, "end", tick_text(tick, axis_.logarithmic ? tick : step, plot_.unit));
    }
  }

  void rounds_axis() {
    const std::size_t count = plot_.x.size();
    const std::size_t every = count <= 10 ? 1 : static_cast<std::size_t>(nice_step(static_cast<double>(count) * 0.55));
    for (std::size_t i = 0; i < count; ++i) {
      if (count > 10 && plot_.x[i] % every != 0) continue;
      text(x_at(i), kHeight - kBottom + 16, "middle", std::to_string(plot_.x[i]));
    }
    text(kLeft + kInnerWidth / 2, kHeight - 3, "middle", "round");
  }

  // One area for each stretch of x without a gap: there along the upper edge, back along the lower.
  void band(const Series& series) {
    std::string there, back, areas;
    const auto end_area = [&] {
      if (!there.empty()) areas += "M" + there.substr(1) + back + "Z";
      there.clear();
      back.clear();
    };
    for (std::size_t i = 0; i < std::min(series.low.size(), series.high.size()); ++i) {
      if (!series.low[i] || !series.high[i]) {
        end_area();
        continue;
      }
      const std::string x = at(x_at(i)) + " ";
      there += "L" + x + at(axis_.place(*series.high[i]));
      back.insert(0, "L" + x + at(axis_.place(*series.low[i])));
    }
    end_area();
    if (areas.empty()) return;
    out_ += "<path class=\"band s" + std::to_string(series.colour) + "\" d=\"" + areas + "\"/>";
  }

  void line(const Series& series) {
    std::string path, points;
    const std::size_t every = 1 + plot_.x.size() / kMaxPoints;
    bool pen_down = false;
    for (std::size_t i = 0; i < plot_.x.size(); ++i) {
      if (!series.y[i] || !std::isfinite(*series.y[i])) {
        pen_down = false;
        continue;
      }
      const std::string x = at(x_at(i)), y = at(axis_.place(*series.y[i]));
      path += (pen_down ? "L" : "M") + x + " " + y;
      pen_down = true;
      if (every == 1 || i + 1 == plot_.x.size()) {
        points +=
            "<circle class=\"s" + std::to_string(series.colour) + "\" cx=\"" + x + "\" cy=\"" + y + "\" r=\"3\"/>";
      }
    }
    out_ += "<path class=\"line s" + std::to_string(series.colour) + "\" d=\"" + path + "\"/>" + points;
  }

  void bars() {
    const double width = std::min(26.0, std::max(1.0, slot() * 0.72));
    for (std::size_t i = 0; i < plot_.x.size(); ++i) {
      double below = 0;
      for (const Series& series : plot_.series) {
        const double value = series.y[i].value_or(0);
        if (!(value > 0)) continue;
        const double top = axis_.place(below + value), bottom = axis_.place(below) - (below > 0 ? 1.5 : 0);
        below += value;
        if (bottom <= top) continue;
        out_ += "<rect class=\"s" + std::to_string(series.colour) + "\" x=\"" + at(x_at(i) - width / 2) + "\" y=\"" +
                at(top) + "\" width=\"" + at(width) + "\" height=\"" + at(bottom - top) + "\" rx=\"2\"/>";
      }
    }
  }

  void level(const Reference& reference) {
    const double y = axis_.place(reference.y);
    out_ += "<path class=\"level\" d=\"M" + at(kLeft) + " " + at(y) + "H" + at(kWidth - kRight) + "\"/>";
    const std::string label = reference.name + " " + with_unit(reference.y, plot_.unit);
    // On the side where the lines do not end.
    const bool under = y < kTop + 16 || (ends_above(reference.y) && y < kTop + kInnerHeight - 16);
    text(kWidth - kRight - 2, under ? y + 13 : y - 5, "end", label);
  }

  bool ends_above(double value) const {
    return std::any_of(plot_.series.begin(), plot_.series.end(),
                       [value](const Series& series) { return series.y.back().value_or(value) > value; });
  }

  std::string tip(std::size_t i) const {
    std::string tip = "round " + std::to_string(plot_.x[i]);
    for (const Series& series : plot_.series) {
      if (series.y[i]) tip += "|" + series.name + ": " + with_unit(*series.y[i], plot_.unit);
    }
    if (i < plot_.notes.size() && !plot_.notes[i].empty()) tip += "|" + plot_.notes[i];
    return tip;
  }

  void tips() {
    const std::size_t every = 1 + plot_.x.size() / kMaxTips;
    const double width = slot() * static_cast<double>(every);
    for (std::size_t i = 0; i < plot_.x.size(); i += every) {
      const double left = std::clamp(x_at(i) - width / 2, 0.0, kWidth - width);
      out_ += "<rect class=\"tip\" x=\"" + at(left) + "\" y=\"" + at(kTop) + "\" width=\"" + at(width) +
              "\" height=\"" + at(kInnerHeight) + "\" data-tip=\"" + escape_html(tip(i)) + "\"/>";
    }
  }

  const Plot& plot_;
  Axis axis_;
  std::string out_;
};

std::string legend(const Plot& plot) {
  std::string out = "<div class=\"legend\">";
  for (const Series& series : plot.series) {
    const auto last = std::find_if(series.y.rbegin(), series.y.rend(), [](const auto& y) { return y.has_value(); });
    if (last == series.y.rend()) continue;
    out += "<span><i class=\"s" + std::to_string(series.colour) + "\"></i>" + escape_html(series.name) + " <b>" +
           with_unit(**last, plot.unit) + "</b></span>";
  }
  return out + "</div>";
}

}  // namespace

std::string with_unit(double value, Unit unit) {
  switch (unit) {
    case Unit::Percent:
      return digits(value * 100, 1) + " %";
    case Unit::Bytes:
      return human_bytes(value);
    case Unit::Seconds:
      if (value < 0.001) return digits(value * 1e6, 0) + " µs";
      return value < 0.1 ? digits(value * 1e3, 1) + " ms" : human_seconds(value);
    case Unit::Count:
      return digits(value, 0);
    case Unit::Number:
      return digits(value, decimals_for(std::abs(value)));
  }
  return digits(value, 3);
}

std::string plot_html(const Plot& plot) {
  std::string out = "<figure><figcaption>" + escape_html(plot.title);
  if (!plot.subtitle.empty()) out += "<small>" + escape_html(plot.subtitle) + "</small>";
  out += "</figcaption>";
  if (extent_of(plot).empty()) return out + "<p class=\"none\">no values in this run</p></figure>";
  return out + legend(plot) + Drawing(plot).svg() + "</figure>";
}

}  // namespace tributary::coordinator
