// common/edge/commands.h
//
// The commands of tributary-model, one source each, and what they share. Private to the room; main thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/data/source.h"
#include "common/edge/central_training.h"
#include "common/model/graph.h"
#include "common/options/command_line.h"
#include "common/options/keys.h"

namespace tributary::edge::program {

constexpr std::string_view kProgram = "tributary-model";

struct ModelCommand {
  options::Command usage;
  int (*run)(const options::Command& usage, const std::vector<std::string>& words);
};

ModelCommand new_command();
ModelCommand inspect_command();
ModelCommand exits_command();
ModelCommand evaluate_command();
ModelCommand predict_command();
ModelCommand train_command();
ModelCommand fold_command();
ModelCommand quantize_command();
ModelCommand compare_command();
ModelCommand prune_command();
ModelCommand share_command();
ModelCommand distil_command();
ModelCommand optimize_command();

// What options::parse() gives; nullopt when help was asked for and has been printed.
std::optional<options::Arguments> parse_or_help(const options::Command& usage, options::Keys* keys,
                                                const std::vector<std::string>& words);

// "--seed", "--k": a whole number in [least, most]. Throws Malformed naming the option.
std::uint64_t whole_number(const options::Arguments& arguments, std::string_view option, std::uint64_t fallback,
                           std::uint64_t least = 0, std::uint64_t most = std::uint64_t{1} << 53);
// A number in [least, most]. Throws Malformed naming the option.
double real_number(const options::Arguments& arguments, std::string_view option, double fallback, double least,
                   double most);
// "--out". Throws Malformed when it is missing.
Path out_file(const options::Arguments& arguments, std::string_view command);

// What the commands with keys begin with: declares them by bind(keys, settings), parses the words, prints help where it
// is asked for, and otherwise goes on with run(arguments, keys, settings).
template <class Settings, class Bind, class Run>
int begin(const options::Command& usage, const std::vector<std::string>& words, Settings settings, Bind bind, Run run) {
  options::Keys keys;
  bind(keys, settings);
  const auto arguments = parse_or_help(usage, &keys, words);
  return arguments ? run(*arguments, keys, settings) : 0;
}

// What the commands that train know of examples: data.* and evaluation.*.
struct Sources {
  data::DataSource data, held_out;
};
// `what` is what data.* is for, in the help.
void bind_sources(options::Keys& keys, Sources& sources, std::string_view what);

// Declares the key training.loss alone, or all of training.*.
void bind_loss(options::Keys& keys, learn::Loss& loss);
void bind_training(options::Keys& keys, CentralPlan& plan);

// The examples of PREFIX.*, for `graph`. Throws Malformed saying which keys to give when none names any, and, with both
// shapes, when they cannot be what the model takes.
data::View open_examples(const options::Keys& keys, const data::DataSource& source, const model::Graph& graph);
// Throws Malformed as the latter.
void require_fit(const model::Graph& graph, const data::View& examples);

// Writes `made` to `out` and prints a line: what was made of `given`, and the bytes before and after.
void save_and_say(const model::Graph& made, const Path& given, const Path& out, const std::string& what);

void print(const std::string& text);

}  // namespace tributary::edge::program
