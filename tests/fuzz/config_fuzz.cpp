// Any text is a configuration file or is refused in one line, as Malformed; what is accepted prints as it can be set
// again. The same text, a word a line, is a command line. The file lies in memory: /proc/self/fd names it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <sys/mman.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/options/command_line.h"
#include "common/options/data_keys.h"

using namespace tributary;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

struct Program {
  std::string model = "2nn", loss = "a";
  std::uint64_t seed = 1;
  std::uint32_t cohort = 10;
  double rate = 0.5;
  data::DataSource source;
  options::Keys keys;

  Program() {
    keys.text("model", model, "model");
    keys.count("seed", seed, {}, "seed");
    keys.count("round.cohort", cohort, {1, 1000}, "cohort");
    keys.number("training.rate", rate, {0, 1}, "rate");
    keys.choice("training.loss", loss, {"a", "b"}, "loss");
    options::bind_data(keys, source, "data", "examples");
  }

  void check() {
    require(cohort >= 1 && cohort <= 1000 && rate >= 0 && rate <= 1 && (loss == "a" || loss == "b"));
    for (const options::KeyInfo& key : keys.list()) {
      const std::string printed = keys.value(key.name);
      keys.set(key.name, printed, "again");
      require(keys.value(key.name) == printed);
    }
  }
};

template <class Action>
void refused_in_one_line(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    require(error.kind() == Error::Kind::Malformed);
    require(std::string_view(error.what()).find('\n') == std::string_view::npos);
  }
}

const Path& memory_file(const std::uint8_t* bytes, std::size_t size) {
  static const int file = ::memfd_create("config", 0);
  static const Path path = "/proc/self/fd/" + std::to_string(file);
  require(file >= 0 && ::ftruncate(file, 0) == 0);
  require(::pwrite(file, bytes, size, 0) == static_cast<ssize_t>(size));
  return path;
}

// Words that name files of this machine are left out: the outcome must depend on the bytes alone.
std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> words;
  for (const std::string_view line : split(text, '\n')) {
    if (line.find("config") == std::string_view::npos) words.emplace_back(line);
  }
  return words;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size > 4096) return 0;
  Program from_file;
  refused_in_one_line([&] { options::read_config(memory_file(bytes, size), from_file.keys); });
  from_file.check();

  Program from_line;
  const options::Command command{.positional = {"[FILE...]"}, .options = {{"out", "DIR"}, {"json"}}};
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  refused_in_one_line([&] { options::parse(command, &from_line.keys, words(text)); });
  from_line.check();
  return 0;
}
