// coordinator/report_plot.h
//
// Line and bar plots as fragments of HTML: a <figure> with a legend and an inline SVG. Colours are the page's CSS
// variables (report_page.h), so that one plot serves light and dark. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tributary::coordinator {

enum class Unit : std::uint8_t { Number, Percent, Bytes, Seconds, Count };

// "84.1 %" of 0.841, "1.2 MB", "0.43 s", "12".
std::string with_unit(double value, Unit unit);

struct Series {
  std::string name;
  unsigned colour = 1;                   // 1 to 6: --c1 to --c6
  std::vector<std::optional<double>> y;  // one for each x; missing where there is no value
  // The band around the line, for Marks::Lines: as many as y, or empty for none.
  std::vector<std::optional<double>> low = {}, high = {};
};

// A level to compare with, drawn as a dashed line over the whole width.
struct Reference {
  std::string name;
  double y = 0;
};

struct Plot {
  enum class Scale : std::uint8_t { FromZero, Fitted, Logarithmic };
  enum class Marks : std::uint8_t { Lines, StackedBars };

  std::string title, subtitle;
  Unit unit = Unit::Number;
  Scale scale = Scale::FromZero;
  Marks marks = Marks::Lines;
  std::vector<std::uint64_t> x;  // rounds, ascending
  std::vector<Series> series;
  std::vector<Reference> references;
  std::vector<std::string> notes;  // further lines of the tip of each x; may be empty
};

// Titles and names are escaped. A plot without a single value says so.
std::string plot_html(const Plot& plot);

}  // namespace tributary::coordinator
