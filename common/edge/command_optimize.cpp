#include <algorithm>
#include <chrono>
#include <iostream>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/edge/commands.h"
#include "common/edge/optimization.h"
#include "common/edge/wording.h"
#include "common/options/data_keys.h"
#include "common/options/terminal.h"

namespace tributary::edge::program {

namespace {

struct Settings {
  Sources examples;
  OptimizationPlan plan;
};

Settings defaults() {
  Settings made;
  made.plan.training.training.epochs = 2;
  made.plan.training.training.batch_size = 50;
  made.plan.training.training.learning_rate = 0.02;
  made.plan.training.training.momentum = 0.9;
  made.plan.training.training.learning_rate_decay = 0.5;
  return made;
}

std::vector<double> keeps_from(std::string_view text) {
  std::vector<double> keeps;
  for (const auto part : split(text, ',')) {
    const auto keep = parse_double(trim(part));
    if (!keep || !(*keep > 0 && *keep <= 1))
      fail(Error::Kind::Malformed, "'" + std::string(part) + "' is no share above 0 and at most 1, as in 1,0.7,0.5");
    keeps.push_back(*keep);
  }
  return keeps;
}

std::vector<Form> forms_from(std::string_view text) {
  std::vector<Form> forms;
  for (const auto part : split(text, ',')) forms.push_back(form_from(trim(part)));
  return forms;
}

// Items between commas, each as `text` writes it.
template <class Items, class Text>
std::string listed(const Items& items, Text text) {
  std::string all;
  for (const auto& item : items) all += (all.empty() ? "" : ",") + text(item);
  return all;
}

std::string short_text(double share) {
  std::string text = fixed(share, 4);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

void bind(options::Keys& keys, Settings& s) {
  OptimizationPlan& plan = s.plan;
  keys.custom(
      "keeps", "list", [&plan](std::string_view text) { plan.keeps = keeps_from(text); },
      [&plan] { return listed(plan.keeps, short_text); },
      "shares of each layer's channels and neurons that are tried, between commas; models below 1 are retrained");
  keys.custom(
      "forms", "list", [&plan](std::string_view text) { plan.forms = forms_from(text); },
      [&plan] { return listed(plan.forms, [](Form form) { return std::string(name_of(form)); }); },
      "forms that each is written in, between commas: float32; or int8 as by quantize --scheme=weights, dynamic, "
      "static, aware");
  bind_sources(keys, s.examples, "examples to retrain and calibrate on");
  bind_training(keys, plan.training);
}

void read_limit(const options::Arguments& arguments, OptimizationPlan& plan) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 40;
  if (arguments.has("target-bytes")) plan.target_bytes = whole_number(arguments, "target-bytes", 1, 1, kMost);
  if (arguments.has("max-accuracy-drop"))
    plan.max_accuracy_drop = real_number(arguments, "max-accuracy-drop", 0, 0, 100);
  if (plan.target_bytes.has_value() == plan.max_accuracy_drop.has_value())
    fail(Error::Kind::Malformed, "optimize needs one limit: --target-bytes N or --max-accuracy-drop POINTS");
}

// The examples to choose by: evaluation.*, or the last tenth of data.*, which is not trained on then.
data::View held_out_examples(const options::Keys& keys, const Settings& s, const model::Graph& graph,
                             data::View& examples) {
  if (options::names_data(keys, "evaluation")) return open_examples(keys, s.examples.held_out, graph);
  data::View held_out = examples;
  const auto cut = static_cast<std::ptrdiff_t>(examples.size() - examples.size() / 10);
  held_out.indices.erase(held_out.indices.begin(), held_out.indices.begin() + cut);
  examples.indices.erase(examples.indices.begin() + cut, examples.indices.end());
  if (held_out.size() == 0)
    fail(Error::Kind::Malformed, "too few examples to hold a tenth out: give evaluation.* to choose models by");
  return held_out;
}

// Rows of candidates, and how long the search will take at most.
class Screen {
 public:
  Screen() : table_(std::cout, options::standard_output(), {"channels", "form", "size", "accuracy"}, {8, 8, 9, 8}) {}

  OptimizationWatch watch() {
    OptimizationWatch made;
    made.found = [this](const Candidate& one) {
      table_.row({percent(one.keep, 0), std::string(name_of(one.form)), human_bytes(static_cast<double>(one.bytes)),
                  percent(one.accuracy, 2)});
    };
    made.step = [this](double share) { show(share); };
    return made;
  }

 private:
  void show(double share) {
    const TimePoint now = clock_.now();
    if (now - shown_ < std::chrono::milliseconds(200)) return;
    shown_ = now;
    std::string text = percent(share) + " done";
    if (share > 0) text += ", at most about " + human_seconds(seconds(now - begun_) * (1 - share) / share) + " left";
    table_.status(text);
  }

  SystemClock clock_;
  TimePoint begun_ = clock_.now(), shown_{};
  options::LiveTable table_;
};

[[noreturn]] void refuse(const Optimization& made, const OptimizationPlan& plan) {
  if (made.candidates.empty())
    fail(Error::Kind::Unsupported, "no share of --keeps makes a file near " + grouped(*plan.target_bytes) +
                                       " bytes: allow more, or give other shares");
  const auto least = std::ranges::min_element(made.candidates, {}, &Candidate::bytes);
  const auto best = std::ranges::max_element(made.candidates, {}, &Candidate::accuracy);
  if (plan.target_bytes)
    fail(Error::Kind::Unsupported, "no model has at most " + grouped(*plan.target_bytes) +
                                       " bytes: the smallest found has " + grouped(least->bytes) +
                                       "; allow more, or give smaller shares with --keeps");
  fail(Error::Kind::Unavailable,
       "no model loses at most " + fixed(*plan.max_accuracy_drop, 2) + " points: the best found loses " +
           fixed((made.accuracy - best->accuracy) * 100, 2) + "; allow more, or train longer with --training.epochs");
}

int optimize_file(const options::Arguments& arguments, const options::Keys& keys, Settings& s) {
  const Path given = arguments.positional.at(0), out = out_file(arguments, "optimize");
  s.plan.training.seed = whole_number(arguments, "seed", 1);
  read_limit(arguments, s.plan);
  const model::Graph graph = model::Graph::load(given);
  data::View examples = open_examples(keys, s.examples.data, graph);
  const data::View held_out = held_out_examples(keys, s, graph, examples);
  const bool json = arguments.has("json");
  Screen screen;
  const Optimization made =
      optimize(graph, examples, held_out, s.plan, SystemClock(), json ? OptimizationWatch{} : screen.watch());
  print(json ? as_json(made) : "\nPareto front:\n" + as_table(made));
  if (arguments.has("html")) write_text_file(arguments.get("html"), as_html(made, s.plan, given.filename().string()));
  if (!made.chosen) refuse(made, s.plan);
  if (json) {
    made.graph.save(out);
  } else {
    const Candidate& one = made.candidates[*made.chosen];
    save_and_say(made.graph, given, out,
                 std::string(name_of(one.form)) + ", " + percent(one.keep, 0) + " of the channels");
  }
  return 0;
}

int run(const options::Command& usage, const std::vector<std::string>& words) {
  return begin(usage, words, defaults(), bind, optimize_file);
}

}  // namespace

ModelCommand optimize_command() {
  options::Command usage;
  usage.name = "optimize";
  usage.summary =
      "searches shares of channels and forms for the most accurate model within a size, or the smallest within a loss "
      "of accuracy; prints the Pareto front and writes the model chosen";
  usage.positional = {"FILE"};
  usage.options = {{.name = "out", .value = "FILE", .help = "the file to write (needed)"},
                   {.name = "target-bytes", .value = "N", .help = "the file has at most N bytes"},
                   {.name = "max-accuracy-drop", .value = "POINTS", .help = "at most so much less accurate than FILE"},
                   {.name = "html", .value = "FILE", .help = "writes a page with size and accuracy of every model"},
                   {.name = "json", .value = "", .help = "one JSON object instead of tables"},
                   {.name = "seed", .value = "N", .help = "of the training; 1 without it"}};
  usage.examples =
      "tributary-model optimize cnn.onnx --out small.onnx --max-accuracy-drop 0.3 --html search.html --config "
      "mnist.conf\n"
      "tributary-model optimize cnn.onnx --out small.onnx --target-bytes 200000 --config mnist.conf "
      "--keeps=0.5,0.4,0.3\n"
      "Models are chosen by evaluation.*, without it by the last tenth of data.*, which is not trained on then.\n";
  return {usage, run};
}

}  // namespace tributary::edge::program
