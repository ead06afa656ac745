#include <cstdio>

#include <nlohmann/json.hpp>

#include "common/edge/assessment.h"
#include "common/edge/wording.h"

namespace tributary::edge {

namespace {

using nlohmann::ordered_json;

std::string matrix(const Assessment& made) {
  std::vector<std::vector<std::string>> rows{{"class"}};
  for (std::uint32_t c = 0; c < made.answers; ++c) rows[0].push_back(std::to_string(c));
  rows[0].push_back("right");
  for (std::uint32_t r = 0; r < made.classes; ++r) {
    rows.push_back({std::to_string(r)});
    for (std::uint32_t c = 0; c < made.answers; ++c)
      rows.back().push_back(std::to_string(made.confusion[std::size_t{r} * made.answers + c]));
    rows.back().push_back(percent(made.recall(r)));
  }
  return "\nanswers (columns) to the examples of each class (rows)\n" + columns(rows, 1);
}

}  // namespace

std::string as_table(const Assessment& made) {
  constexpr std::uint32_t kMostShown = 20;
  std::string text = line("examples", grouped(made.examples));
  if (made.accuracy > 0 || !made.confusion.empty()) text += line("accuracy", percent(made.accuracy, 2));
  text += line("loss", fixed(made.loss, 4));
  if (!made.confusion.empty() && made.classes <= kMostShown && made.answers <= kMostShown) text += matrix(made);
  return text;
}

std::string as_json(const Assessment& made) {
  ordered_json json{
      {"examples", made.examples}, {"accuracy", made.accuracy}, {"loss", made.loss}, {"seconds", made.seconds}};
  if (!made.confusion.empty()) {
    ordered_json rows = ordered_json::array();
    for (std::uint32_t r = 0; r < made.classes; ++r) {
      const auto* begin = made.confusion.data() + std::size_t{r} * made.answers;
      rows.push_back(std::vector<std::uint64_t>(begin, begin + made.answers));
    }
    json["confusion"] = rows;
  }
  return json.dump(2) + "\n";
}

}  // namespace tributary::edge
