// tributary-coordinator: a federation's authority and its daemon.
#include <iostream>
#include <string>
#include <vector>

#include "common/options/command_line.h"
#include "coordinator/admin_commands.h"
#include "coordinator/inspect_command.h"
#include "coordinator/operator_commands.h"
#include "coordinator/run_command.h"

namespace tributary::coordinator {
namespace {

constexpr std::string_view kProgram = "tributary-coordinator";

struct Entry {
  options::Command command;
  int (*act)(const options::Arguments&) = nullptr;  // none for run, which has keys
};

std::vector<Entry> entries() {
  return {{init_command(), init},     {enroll_command(), enroll},
          {revoke_command(), revoke}, {enrolled_command(), enrolled},
          {run_command(), nullptr},   {inspect_command(), inspect},
          {status_command(), status}, {participants_command(), participants},
          {rounds_command(), rounds}, {pause_command(), pause},
          {resume_command(), resume}, {checkpoint_command(), checkpoint}};
}

int perform(const Entry& entry, const std::vector<std::string>& words) {
  Settings settings;
  Surroundings surroundings;
  options::Keys keys;
  if (entry.act == nullptr) {
    bind(keys, settings);
    bind(keys, surroundings);
  }
  options::Keys* const its_keys = entry.act == nullptr ? &keys : nullptr;
  const auto arguments = options::parse(entry.command, its_keys, words);
  if (!arguments) {
    std::cout << options::help(kProgram, entry.command, its_keys);
    return 0;
  }
  const auto reread = [&] {
    Settings fresh;
    Surroundings fresh_surroundings;
    options::Keys fresh_keys;
    bind(fresh_keys, fresh);
    bind(fresh_keys, fresh_surroundings);
    options::parse(entry.command, &fresh_keys, words);
    return fresh_surroundings.log;
  };
  return entry.act == nullptr ? run(*arguments, keys, settings, surroundings, reread) : entry.act(*arguments);
}

int main_of(const std::vector<std::string>& words) {
  const std::vector<Entry> all = entries();
  std::vector<options::Command> commands;
  for (const Entry& entry : all) commands.push_back(entry.command);
  return options::run_command(kProgram, "makes a federation, says who belongs to it, and runs its rounds", commands,
                              words, [&all](std::size_t which, const auto& rest) { return perform(all[which], rest); });
}

}  // namespace
}  // namespace tributary::coordinator

int main(int argc, char** argv) {
  return tributary::options::run_main(tributary::coordinator::kProgram, [&] {
    return tributary::coordinator::main_of({argv + 1, argv + argc});
  });
}
