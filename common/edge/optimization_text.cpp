#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "common/base/text.h"
#include "common/edge/optimization.h"
#include "common/edge/wording.h"
#include "common/page/page.h"

namespace tributary::edge {

namespace {

using nlohmann::ordered_json;

std::string drop_text(const Optimization& all, const Candidate& one) {
  return fixed((one.accuracy - all.accuracy) * 100, 2);
}

std::string smaller_text(const Optimization& all, const Candidate& one) {
  return fixed(static_cast<double>(all.bytes) / static_cast<double>(one.bytes), 2);
}

bool is_chosen(const Optimization& all, const Candidate& one) {
  return all.chosen && &all.candidates[*all.chosen] == &one;
}

std::vector<const Candidate*> by_size(const Optimization& all, bool front_only) {
  std::vector<const Candidate*> sorted;
  for (const Candidate& one : all.candidates)
    if (!front_only || one.on_front) sorted.push_back(&one);
  std::ranges::sort(sorted, {}, &Candidate::bytes);
  return sorted;
}

// Size to the right, in logarithms, and accuracy upwards.
class Plot {
 public:
  explicit Plot(const Optimization& all) : all_(all) {
    low_bytes_ = high_bytes_ = static_cast<double>(all.bytes);
    low_ = high_ = all.accuracy;
    for (const Candidate& one : all.candidates) {
      low_bytes_ = std::min(low_bytes_, static_cast<double>(one.bytes));
      high_bytes_ = std::max(high_bytes_, static_cast<double>(one.bytes));
      low_ = std::min(low_, one.accuracy);
      high_ = std::max(high_, one.accuracy);
    }
    low_bytes_ /= 1.15;
    high_bytes_ *= 1.15;
    const double room = std::max(0.001, (high_ - low_) * 0.08);
    low_ -= room;
    high_ += room;
  }

  std::string draw() const {
    std::string out =
        "<figure class=\"wide\"><figcaption>Size and accuracy<small>the line is the Pareto front; the "
        "ringed model was chosen</small></figcaption><svg viewBox=\"0 0 760 400\" role=\"img\" "
        "aria-label=\"Size and accuracy of the models\">" +
        grid();
    std::string points;
    for (const Candidate* one : by_size(all_, true)) points += place(x(one->bytes), ",", y(one->accuracy)) + " ";
    out += "<polyline class=\"line s1\" points=\"" + points + "\"/>";
    for (const Candidate& one : all_.candidates) out += dot(one);
    return out + dot_at(static_cast<double>(all_.bytes), all_.accuracy, "s2", 5, "as given") + "</svg></figure>";
  }

 private:
  static constexpr double kLeft = 60, kTop = 14, kWidth = 680, kHeight = 340;

  static std::string place(double a, const std::string& between, double b) {
    return fixed(a, 1) + between + fixed(b, 1);
  }
  double x(double bytes) const {
    return kLeft + kWidth * std::log(bytes / low_bytes_) / std::log(high_bytes_ / low_bytes_);
  }
  double x(std::uint64_t bytes) const { return x(static_cast<double>(bytes)); }
  double y(double accuracy) const { return kTop + kHeight * (high_ - accuracy) / (high_ - low_); }

  std::string grid() const {
    constexpr int kLines = 5;
    std::string out;
    for (int i = 0; i <= kLines; ++i) {
      const double share = static_cast<double>(i) / kLines, accuracy = low_ + share * (high_ - low_);
      const double bytes = low_bytes_ * std::pow(high_bytes_ / low_bytes_, share);
      out += "<line class=\"grid\" x1=\"" + fixed(kLeft, 0) + "\" x2=\"" + fixed(kLeft + kWidth, 0) + "\" y1=\"" +
             place(y(accuracy), "\" y2=\"", y(accuracy)) + "\"/><text text-anchor=\"end\" x=\"" +
             place(kLeft - 6, "\" y=\"", y(accuracy) + 4) + "\">" + percent(accuracy, 2) +
             "</text><text text-anchor=\"middle\" x=\"" + place(x(bytes), "\" y=\"", kTop + kHeight + 18) + "\">" +
             human_bytes(bytes) + "</text>";
    }
    return out;
  }

  std::string dot(const Candidate& one) const {
    const std::string tip = std::string(name_of(one.form)) + ", " + percent(one.keep, 0) + " of the channels";
    const std::string ring = is_chosen(all_, one)
                                 ? "<circle fill=\"none\" style=\"stroke:var(--c6);stroke-width:2\" r=\"10\" cx=\"" +
                                       place(x(one.bytes), "\" cy=\"", y(one.accuracy)) + "\"/>"
                                 : "";
    return ring + dot_at(static_cast<double>(one.bytes), one.accuracy, one.on_front ? "s1" : "s5",
                         one.on_front ? 5 : 3.5, tip);
  }
  std::string dot_at(double bytes, double accuracy, const std::string& colour, double radius,
                     const std::string& tip) const {
    return "<circle class=\"" + colour + "\" r=\"" + fixed(radius, 1) + "\" cx=\"" +
           place(x(bytes), "\" cy=\"", y(accuracy)) + "\" data-tip=\"" +
           page::escape_html(tip + "|" + human_bytes(bytes) + "|" + percent(accuracy, 2)) + "\"/>";
  }

  const Optimization& all_;
  double low_bytes_ = 1, high_bytes_ = 1, low_ = 0, high_ = 1;
};

std::string table(const Optimization& all) {
  std::string out =
      "<h2>Every model</h2><div class=\"card rounds\"><table><thead><tr><th>channels</th><th>form</th>"
      "<th>size</th><th>times smaller</th><th>accuracy</th><th>points</th><th></th></tr></thead><tbody>";
  for (const Candidate* one : by_size(all, false))
    out += "<tr><td>" + percent(one->keep, 0) + "</td><td>" + std::string(name_of(one->form)) + "</td><td>" +
           human_bytes(static_cast<double>(one->bytes)) + "</td><td>" + smaller_text(all, *one) + "</td><td>" +
           percent(one->accuracy, 2) + "</td><td>" + drop_text(all, *one) + "</td><td>" +
           (is_chosen(all, *one) ? "chosen"
            : one->on_front      ? "front"
                                 : "") +
           "</td></tr>";
  return out + "</tbody></table></div>";
}

}  // namespace

std::string as_table(const Optimization& all) {
  std::vector<std::vector<std::string>> rows{{"channels", "form", "size", "times smaller", "accuracy", "points", ""}};
  for (const Candidate* one : by_size(all, true))
    rows.push_back({percent(one->keep, 0), std::string(name_of(one->form)),
                    human_bytes(static_cast<double>(one->bytes)), smaller_text(all, *one), percent(one->accuracy, 2),
                    drop_text(all, *one), is_chosen(all, *one) ? "chosen" : ""});
  return columns(rows, 2);
}

std::string as_json(const Optimization& all) {
  ordered_json list = ordered_json::array();
  for (const Candidate& one : all.candidates)
    list.push_back({{"keep", one.keep},
                    {"form", name_of(one.form)},
                    {"file_bytes", one.bytes},
                    {"accuracy", one.accuracy},
                    {"on_front", one.on_front},
                    {"chosen", is_chosen(all, one)}});
  return ordered_json{{"file_bytes", all.bytes}, {"accuracy", all.accuracy}, {"candidates", list}}.dump(2) + "\n";
}

std::string as_html(const Optimization& all, const OptimizationPlan& plan, const std::string& model) {
  const std::string limit = plan.target_bytes
                                ? "at most " + human_bytes(static_cast<double>(*plan.target_bytes))
                                : "at most " + fixed(*plan.max_accuracy_drop, 2) + " points less accurate";
  page::Document document{"Smaller forms of " + model, limit, "<div class=\"tiles\">",
                          "Accuracy is that on the held-out examples, by which the model was chosen."};
  const auto tile = [](const std::string& title, const std::string& value, const std::string& beside) {
    return "<div class=\"tile\"><h3>" + title + "</h3><strong>" + value + "</strong><p>" + beside + "</p></div>";
  };
  document.body += tile("as given", percent(all.accuracy, 2), human_bytes(static_cast<double>(all.bytes)));
  if (all.chosen) {
    const Candidate& one = all.candidates[*all.chosen];
    document.body +=
        tile("chosen", percent(one.accuracy, 2),
             human_bytes(static_cast<double>(one.bytes)) + ", " + smaller_text(all, one) + " times smaller, " +
                 std::string(name_of(one.form)) + ", " + percent(one.keep, 0) + " of the channels");
  }
  document.body += "</div><h2>The search</h2>" + Plot(all).draw() + table(all);
  return page::html(document);
}

}  // namespace tributary::edge
