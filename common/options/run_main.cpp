#include <algorithm>
#include <exception>
#include <iostream>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/options/command_line.h"
#include "common/options/wording.h"

namespace tributary::options {

namespace {

constexpr int kFailed = 1;
constexpr int kWrittenWrongly = 2;

int exit_code(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::Malformed:
    case Error::Kind::Unsupported:
    case Error::Kind::Refused:
      return kWrittenWrongly;
    default:
      return kFailed;
  }
}

void say(std::string_view program, std::string_view message) {
  std::cerr << program << ": " << one_line(message) << std::endl;
}

}  // namespace

int run_main(std::string_view program, const std::function<int()>& body) {
  try {
    const int code = body();
    if (!std::cout.flush()) fail(Error::Kind::Unavailable, "cannot write to standard output");
    return code;
  } catch (const Error& error) {
    say(program, error.what());
    return exit_code(error.kind());
  } catch (const std::bad_alloc&) {
    say(program, "out of memory");
    return kFailed;
  } catch (const std::exception& error) {
    say(program, std::string("unexpected failure: ") + error.what() + "; please report this");
    return kFailed;
  } catch (...) {
    say(program, "unexpected failure; please report this");
    return kFailed;
  }
}

int run_command(std::string_view program, std::string_view summary, const std::vector<Command>& commands,
                const std::vector<std::string>& words, const RunCommand& run) {
  if (words.empty() || words[0] == "--help" || words[0] == "-h") {
    (words.empty() ? std::cerr : std::cout) << help(program, summary, commands);
    return words.empty() ? kWrittenWrongly : 0;
  }
  std::vector<std::string> names;
  for (const Command& command : commands) names.push_back(command.name);
  const auto found = std::find(names.begin(), names.end(), words[0]);
  if (found == names.end()) {
    const auto meant = nearest(words[0], names);
    fail(Error::Kind::Malformed,
         "unknown command '" + words[0] + "'" +
             (meant ? "; did you mean " + *meant + "?" : "; see " + std::string(program) + " --help"));
  }
  return run(static_cast<std::size_t>(found - names.begin()), {words.begin() + 1, words.end()});
}

}  // namespace tributary::options
