// tributary-model: makes models, trains them, makes them small and shows what they are made of.

#include <cstdio>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/edge/commands.h"

namespace {

using namespace tributary;
using namespace tributary::edge::program;

constexpr std::string_view kSummary = "makes models, trains them, makes them small and shows what they are made of";

std::vector<ModelCommand> all_commands() {
  return {new_command(),      inspect_command(),  exits_command(),  train_command(), evaluate_command(),
          predict_command(),  fold_command(),     prune_command(),  share_command(), distil_command(),
          quantize_command(), optimize_command(), compare_command()};
}

int run(const std::vector<std::string>& words) {
  const std::vector<ModelCommand> all = all_commands();
  std::vector<options::Command> usages;
  std::vector<std::string> names;
  for (const ModelCommand& one : all) {
    usages.push_back(one.usage);
    names.push_back(one.usage.name);
  }
  if (words.empty() || words[0] == "--help" || words[0] == "-h") {
    std::fputs(options::help(kProgram, kSummary, usages).c_str(), words.empty() ? stderr : stdout);
    return words.empty() ? 2 : 0;
  }
  for (const ModelCommand& one : all)
    if (one.usage.name == words[0]) return one.run(one.usage, {words.begin() + 1, words.end()});
  const auto meant = nearest(words[0], names);
  fail(Error::Kind::Malformed, "unknown command '" + words[0] + "'" +
                                   (meant ? "; did you mean '" + *meant + "'?" : "; see tributary-model --help"));
}

}  // namespace

int main(int count, char** words) {
  return options::run_main(kProgram, [&] { return run({words + 1, words + count}); });
}
