#include "common/edge/commands.h"
#include "common/edge/sharing.h"
#include "common/edge/training_screen.h"
#include "common/edge/wording.h"
#include "common/options/data_keys.h"

namespace tributary::edge::program {

namespace {

struct Settings {
  Sources examples;
  std::string similarity = "cka";
  SharingPlan plan;
};

Settings defaults() {
  Settings made;
  made.plan.training.training.epochs = 5;
  made.plan.training.training.batch_size = 50;
  made.plan.training.training.learning_rate = 0.02;
  return made;
}

void bind(options::Keys& keys, Settings& s) {
  keys.choice("similarity", s.similarity, {"cka", "cosine"},
              "what makes two layers alike: their outputs on data.* (centred kernel alignment), or their weights");
  keys.count("pairs", s.plan.pairs, {1, 1e6}, "of layers that come to share their weights, the most similar first");
  keys.count("similarity.examples", s.plan.examples, {2, 1024}, "that the outputs of layers are compared on");
  bind_sources(keys, s.examples, "examples to compare layers on, and to train what is left on");
  bind_training(keys, s.plan.training);
}

std::string as_table(const std::vector<SimilarPair>& pairs) {
  std::vector<std::vector<std::string>> rows{{"weights", "shared by", "similarity"}};
  for (const SimilarPair& pair : pairs) rows.push_back({pair.first, pair.second, fixed(pair.similarity, 3)});
  return columns(rows, 2);
}

int share_file(const options::Arguments& arguments, const options::Keys& keys, Settings& s) {
  const Path given = arguments.positional.at(0), out = out_file(arguments, "share");
  s.plan.training.seed = whole_number(arguments, "seed", 1);
  s.plan.similarity = s.similarity == "cka" ? SharingPlan::Similarity::Cka : SharingPlan::Similarity::Cosine;
  model::Graph graph = model::Graph::load(given);
  const bool trains = options::names_data(keys, "data") || s.similarity == "cka";
  const data::View examples = trains ? open_examples(keys, s.examples.data, graph) : data::View{};
  const Sharing sharing = share(graph, examples, s.plan);
  print(as_table(sharing.pairs));
  if (trains) {
    const auto network = learn::Network::compile(graph);
    ShownTraining shown(keys, s.examples.held_out, *network, s.plan.training.training.loss);
    train_around(graph, sharing, examples, s.plan, shown.clock(), shown.watch());
  }
  save_and_say(graph, given, out, std::to_string(sharing.pairs.size()) + " sets of weights fewer");
  return 0;
}

int run(const options::Command& usage, const std::vector<std::string>& words) {
  return begin(usage, words, defaults(), bind, share_file);
}

}  // namespace

ModelCommand share_command() {
  options::Command usage;
  usage.name = "share";
  usage.summary =
      "lets similar layers of one shape share one set of weights, which is stored once and frozen, and trains what is "
      "left around it when data.* names examples";
  usage.positional = {"FILE"};
  usage.options = {{.name = "out", .value = "FILE", .help = "the file to write (needed)"},
                   {.name = "seed", .value = "N", .help = "of the training; 1 without it"}};
  usage.examples =
      "tributary-model share deep.onnx --out shared.onnx --pairs=4 --config mnist.conf --training.epochs=3\n"
      "tributary-model share deep.onnx --out shared.onnx --pairs=2 --similarity=cosine\n";
  return {usage, run};
}

}  // namespace tributary::edge::program
