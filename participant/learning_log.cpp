#include "participant/learning_log.h"

#include <cstdio>
#include <iostream>

#include <nlohmann/json.hpp>

#include "common/base/error.h"

namespace tributary::participant {

namespace {

using Json = nlohmann::ordered_json;

std::string printed(const char* format, double value) {
  char text[48];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string percent(double share) {
  return printed("%.2f %%", 100 * share);
}

Json json_of(const learn::StreamLearner& learner) {
  const auto figures = learner.figures();
  Json object{{"examples", figures.examples},
              {"accuracy", figures.accuracy},
              {"fading_accuracy", figures.fading_accuracy},
              {"loss", figures.loss},
              {"fading_loss", figures.fading_loss},
              {"kappa", figures.kappa},
              {"no_change_accuracy", figures.no_change},
              {"majority_accuracy", figures.majority},
              {"regret_loss", figures.regret_loss},
              {"regret_errors", figures.regret_errors},
              {"drifts", learner.drifts()}};
  if (learner.alphas().size() < 2) return object;
  object["best_exit"] = figures.best_exit + 1;
  object["alphas"] = std::vector<double>(learner.alphas().begin(), learner.alphas().end());
  object["exit_accuracy"] = figures.exit_accuracy;
  object["exit_loss"] = figures.exit_loss;
  return object;
}

}  // namespace

LearningLog::LearningLog(const Path& folder, bool json, bool goes_on) : folder_(folder), json_(json) {
  if (!folder.empty()) {
    RealFiles().make_directories(folder);
    lines_.open(folder / "stream.jsonl", goes_on ? std::ios::app : std::ios::trunc);
    if (!lines_) fail(Error::Kind::Unavailable, (folder / "stream.jsonl").string() + ": cannot be written");
  }
  if (json) return;
  const std::vector<std::string> titles{"examples",  "accuracy", "fading", "loss",       "kappa",
                                        "no-change", "majority", "drifts", "most weight"};
  table_ = std::make_unique<options::LiveTable>(std::cout, options::standard_output(), titles,
                                                std::vector<std::size_t>{10, 8, 8, 7, 6});
}

void LearningLog::row(const learn::StreamLearner& learner) {
  if (lines_.is_open() && !(lines_ << json_of(learner).dump() << std::endl))
    fail(Error::Kind::Unavailable, (folder_ / "stream.jsonl").string() + ": cannot be written");
  if (!table_) return;
  const auto figures = learner.figures();
  std::string most = "-";
  const auto alphas = learner.alphas();
  if (alphas.size() > 1) {
    const auto largest = std::max_element(alphas.begin(), alphas.end());
    most = "exit " + std::to_string(largest - alphas.begin() + 1) + printed(": %.2f", *largest);
  }
  table_->row({std::to_string(figures.examples), percent(figures.accuracy), percent(figures.fading_accuracy),
               printed("%.4f", figures.loss), printed("%.4f", figures.kappa), percent(figures.no_change),
               percent(figures.majority), std::to_string(learner.drifts().size()), most});
}

void LearningLog::note(const std::string& line) {
  if (table_) table_->note(line);
}

void LearningLog::drift(std::uint64_t example) {
  if (table_) table_->note("drift: wrong answers have become more; noticed at example " + std::to_string(example));
}

void LearningLog::end(const learn::StreamLearner& learner, const data::Rejects& rejects, double seconds) {
  Json report = json_of(learner);
  report["rejected"] = rejects.count();
  report["rejected_reasons"] = rejects.reasons();
  report["seconds"] = seconds;
  if (!folder_.empty()) write_text_file(folder_ / "report.json", report.dump(2) + "\n");
  if (json_) std::cout << report.dump() << "\n";
  if (!table_) return;
  if (rejects.count() > 0) table_->note(std::to_string(rejects.count()) + " records were no examples");
  const double rate = seconds > 0 ? static_cast<double>(learner.examples()) / seconds : 0;
  table_->note("ended: " + std::to_string(learner.examples()) + " examples, " + printed("%.2f s, ", seconds) +
               printed("%.0f a second", rate));
}

}  // namespace tributary::participant
