#include "common/edge/commands.h"

#include <cstdio>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/edge/wording.h"
#include "common/options/data_keys.h"

namespace tributary::edge::program {

std::optional<options::Arguments> parse_or_help(const options::Command& usage, options::Keys* keys,
                                                const std::vector<std::string>& words) {
  auto arguments = options::parse(usage, keys, words);
  if (!arguments) print(options::help(kProgram, usage, keys));
  return arguments;
}

std::uint64_t whole_number(const options::Arguments& arguments, std::string_view option, std::uint64_t fallback,
                           std::uint64_t least, std::uint64_t most) {
  if (!arguments.has(option)) return fallback;
  const std::string text = arguments.get(option);
  const auto number = parse_int(text);
  if (number && *number >= 0 && static_cast<std::uint64_t>(*number) >= least &&
      static_cast<std::uint64_t>(*number) <= most)
    return static_cast<std::uint64_t>(*number);
  const std::string range = most == std::uint64_t{1} << 53 ? std::to_string(least) + " up"
                                                           : std::to_string(least) + " to " + std::to_string(most);
  fail(Error::Kind::Malformed,
       "--" + std::string(option) + " takes a whole number from " + range + ", not '" + text + "'");
}

double real_number(const options::Arguments& arguments, std::string_view option, double fallback, double least,
                   double most) {
  if (!arguments.has(option)) return fallback;
  const std::string text = arguments.get(option);
  const auto number = parse_double(text);
  if (number && *number >= least && *number <= most) return *number;
  fail(Error::Kind::Malformed, "--" + std::string(option) + " takes a number from " + fixed(least, 3) + " to " +
                                   fixed(most, 3) + ", not '" + text + "'");
}

Path out_file(const options::Arguments& arguments, std::string_view command) {
  Path out = arguments.get("out");
  if (out.empty()) fail(Error::Kind::Malformed, std::string(command) + " needs --out FILE, the file to write");
  return out;
}

void bind_loss(options::Keys& keys, learn::Loss& loss) {
  keys.custom(
      "training.loss", "cross_entropy|binary_cross_entropy|mean_squared_error",
      [&loss](std::string_view text) { loss = learn::loss_from(text); }, [&loss] { return std::string(name_of(loss)); },
      "what training makes small, and evaluation reports");
}

void bind_sources(options::Keys& keys, Sources& sources, std::string_view what) {
  options::bind_data(keys, sources.data, "data", what);
  options::bind_data(keys, sources.held_out, "evaluation", "held-out examples");
}

void bind_training(options::Keys& keys, CentralPlan& central) {
  constexpr double kMany = 4e9, kBelowOne = 0.999999;
  learn::TrainingPlan& plan = central.training;
  bind_loss(keys, plan.loss);
  keys.number("training.learning_rate", plan.learning_rate, {0, 1e6}, "step size");
  keys.number("training.learning_rate_decay", plan.learning_rate_decay, {1e-6, 1},
              "factor of the step size, once an epoch");
  keys.number("training.momentum", plan.momentum, {0, kBelowOne}, "heavy-ball momentum, from 0 in every epoch");
  keys.number("training.weight_decay", plan.weight_decay, {0, 1e6}, "L2 penalty added to the gradient");
  keys.number("training.clip_norm", plan.clip_norm, {0, 1e30}, "L2 norm that a step's gradient is cut to; 0 = off");
  keys.count("training.batch_size", plan.batch_size, {0, kMany}, "examples a step; 0 = all");
  keys.number("training.epochs", plan.epochs, {1e-9, 1e6}, "passes over the examples; may be a fraction");
  keys.count("training.max_steps", plan.max_steps, {0, kMany}, "steps of an epoch at most; 0 = no limit");
  keys.count("training.shift", central.shift, {0, 1024}, "pixels that a picture is moved by at most, each epoch anew");
}

data::View open_examples(const options::Keys& keys, const data::DataSource& source, const model::Graph& graph) {
  const std::string& prefix = source.prefix;
  if (!options::names_data(keys, prefix))
    fail(Error::Kind::Malformed, "no examples: give " + prefix + ".images and " + prefix + ".labels, or " + prefix +
                                     ".format=csv and " + prefix + ".file");
  data::View examples = data::open(source);
  require_fit(graph, examples);
  return examples;
}

void require_fit(const model::Graph& graph, const data::View& examples) {
  const auto& input = graph.example_input();
  std::int64_t known = 1;
  bool open = false;
  for (std::size_t i = 1; i < input.shape.size(); ++i) {
    if (input.shape[i] < 0) open = true;
    if (input.shape[i] > 0 && known < (std::int64_t{1} << 40)) known *= input.shape[i];
  }
  const auto given = static_cast<std::int64_t>(examples.dataset->feature_size());
  if (!input.has_shape || given == known || (open && given % known == 0)) return;
  const auto shape = examples.dataset->feature_shape();
  fail(Error::Kind::Malformed, "model '" + graph.name + "' takes " + shape_text(input.shape) + ", the examples are " +
                                   shape_text({shape.begin(), shape.end()}));
}

void save_and_say(const model::Graph& made, const Path& given, const Path& out, const std::string& what) {
  const auto size = [](const Path& file) { return static_cast<double>(RealFiles().map(file)->bytes().size()); };
  const double before = size(given);
  made.save(out);
  const double after = size(out);
  print(out.string() + ": " + what + "; " + human_bytes(before) + " -> " + human_bytes(after) + ", " +
        fixed(before / after, 2) + " times smaller\n");
}

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace tributary::edge::program
