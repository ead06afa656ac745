#include "common/base/text.h"
#include "common/options/wording.h"
#include "tests/options/support.h"

namespace tributary::options {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class HelpTest : public ::testing::Test {
 protected:
  HelpTest() {
    fleet.bind(keys);
    command.name = "run";
    command.summary = "Runs the federation.";
    command.positional = {"FOLDER"};
    command.options = {{"out", "DIR", "folder of the run"}, {"also", "HOST", "one more host", true}};
    command.examples = "  fleet run fed --out runs/1\n  fleet run fed --round.cohort=5";
  }

  Fleet fleet;
  Keys keys;
  Command command;
};

TEST_F(HelpTest, ACommandReadsFromUsageToExamples) {
  EXPECT_EQ(help("fleet", command, &keys),
            R"(usage: fleet run FOLDER [options] [--KEY=VALUE]...

Runs the federation.

options:
  --out DIR                  folder of the run
  --also HOST                one more host (may be repeated)
  --config FILE              read keys from an INI file; what the command line sets wins (may be
                             repeated)
  --set KEY=VALUE            set a key, as --KEY=VALUE does (may be repeated)
  --help                     show this help

keys, as --KEY=VALUE, --set KEY=VALUE or, below their [section], in a --config file:

  --model=text               zoo specification or ONNX file (default 2nn)
  --seed=count               seed of every random stream (default 1)

[round]
  --round.cohort=count       updates that a round wants (default 10)
  --round.overselect=number  asked = cohort * overselect (default 1.5)
  --round.floor=number       least loss, in nats (default 0)
  --round.share=all|N        share of those there (default all)

[edge]
  --edge.per_layer=yes|no    whether every layer is pruned alike (default yes)

[training]
  --training.loss=cross_entropy|mean_squared_error
                             what training makes small (default cross_entropy)

[data]
  --data.images=path         IDX file

examples:
  fleet run fed --out runs/1
  fleet run fed --round.cohort=5
)");
}

TEST_F(HelpTest, WithoutKeysNothingSpeaksOfThem) {
  EXPECT_EQ(help("fleet", command, nullptr),
            R"(usage: fleet run FOLDER [options]

Runs the federation.

options:
  --out DIR    folder of the run
  --also HOST  one more host (may be repeated)
  --help       show this help

examples:
  fleet run fed --out runs/1
  fleet run fed --round.cohort=5
)");
}

TEST_F(HelpTest, EveryWidthIsKept) {
  for (const std::size_t width : {50, 60, 80, 100, 140}) {
    std::string text = help("fleet", command, &keys, width);
    text = text.substr(0, text.find("examples:"));
    for (const std::string_view line : split(text, '\n')) {
      EXPECT_LE(columns(line), width) << line;
      EXPECT_FALSE(line.ends_with(' ')) << "'" << line << "'";
    }
  }
}

TEST_F(HelpTest, ANarrowTerminalLosesNoWord) {
  const auto words_of = [](const std::string& text) {
    std::string words;
    for (const char c : text) words += c == '\n' ? ' ' : c;
    return joined(wrapped(words, 1), " ");
  };
  EXPECT_EQ(words_of(help("fleet", command, &keys, 0)), words_of(help("fleet", command, &keys, 1000)));
}

TEST_F(HelpTest, DefaultsAreThoseOfTheDeclaration) {
  keys.set("round.cohort", "99", "--set");
  EXPECT_THAT(help("fleet", command, &keys), HasSubstr("(default 10)"));
  EXPECT_THAT(help("fleet", command, &keys), Not(HasSubstr("99")));
}

TEST_F(HelpTest, AProgramListsItsCommands) {
  const Command enroll{.name = "enroll", .summary = "Makes bundles."};
  EXPECT_EQ(help("fleet", "A fleet.", {command, enroll}),
            R"(usage: fleet COMMAND ...

A fleet.

commands:
  run     Runs the federation.
  enroll  Makes bundles.

fleet COMMAND --help shows what a command takes.
)");
}

TEST_F(HelpTest, AProgramWithoutCommandsHasNoneInItsUsage) {
  command.name = "";
  command.positional = {"[FILE...]"};
  EXPECT_THAT(help("fleet", command, nullptr), HasSubstr("usage: fleet [FILE...] [options]\n"));
}

}  // namespace
}  // namespace tributary::options
