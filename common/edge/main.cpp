// tributary-model: makes models, trains them, makes them small and shows what they are made of.

#include <string>
#include <vector>

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
  for (const ModelCommand& one : all) usages.push_back(one.usage);
  return options::run_command(kProgram, kSummary, usages, words, [&all](std::size_t which, const auto& rest) {
    return all[which].run(all[which].usage, rest);
  });
}

}  // namespace

int main(int count, char** words) {
  return options::run_main(kProgram, [&] { return run({words + 1, words + count}); });
}
