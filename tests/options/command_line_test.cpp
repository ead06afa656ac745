#include "common/options/command_line.h"

#include "tests/options/support.h"

namespace tributary::options {
namespace {

using ::testing::ElementsAre;
using Words = std::vector<std::string>;

class CommandLineTest : public ::testing::Test {
 protected:
  CommandLineTest() {
    fleet.bind(keys);
    command.name = "run";
    command.positional = {"FOLDER"};
    command.options = {
        {"out", "DIR", "folder of the run"}, {"json", "", "for scripts"}, {"also", "HOST", "more", true}};
  }

  Arguments parse(const Words& words) {
    const auto arguments = options::parse(command, &keys, words);
    EXPECT_TRUE(arguments) << "help was not asked";
    return arguments.value_or(Arguments{});
  }
  std::string refused(const Words& words) {
    return refusal(Error::Kind::Malformed, [&] { options::parse(command, &keys, words); });
  }

  Fleet fleet;
  Keys keys;
  Command command;
  Folder folder;
};

TEST_F(CommandLineTest, OptionsAndArgumentsComeInAnyOrder) {
  const Arguments a = parse({"--out", "runs/1", "fed", "--json", "--also=a", "--also", "b"});
  EXPECT_THAT(a.positional, ElementsAre("fed"));
  EXPECT_EQ(a.get("out"), "runs/1");
  EXPECT_TRUE(a.has("json"));
  EXPECT_THAT(a.options.at("also"), ElementsAre("a", "b"));
  EXPECT_EQ(a.get("also"), "b");
}

TEST_F(CommandLineTest, OnlyGivenOptionsAreThere) {
  const Arguments a = parse({"fed"});
  EXPECT_TRUE(a.options.empty());
  EXPECT_FALSE(a.has("out"));
  EXPECT_EQ(a.get("out", "runs/last"), "runs/last");
  EXPECT_EQ(a.get("out"), "");
}

TEST_F(CommandLineTest, KeysAreSetInEveryWay) {
  parse({"fed", "--round.cohort=25", "--seed", "7", "--set", "model=cnn = 2", "--set=edge.per_layer = no"});
  EXPECT_EQ(fleet.cohort, 25u);
  EXPECT_EQ(fleet.seed, 7u);
  EXPECT_EQ(fleet.model, "cnn = 2");
  EXPECT_FALSE(fleet.per_layer);
}

TEST_F(CommandLineTest, TheLaterOnTheLineWins) {
  parse({"fed", "--seed=1", "--set", "seed=2", "--seed=3", "--set", "round.cohort=4", "--round.cohort=5", "--set",
         "round.cohort=6"});
  EXPECT_EQ(fleet.seed, 3u);
  EXPECT_EQ(fleet.cohort, 6u);
}

TEST_F(CommandLineTest, TheLineWinsOverFilesAndTheLaterFileOverTheEarlier) {
  const std::string first = folder.write("first.conf", "seed = 11\nmodel = first\n[round]\ncohort = 11\n");
  const std::string second = folder.write("second.conf", "model = second\n[round]\ncohort = 12\n");
  const Arguments a = parse({"--round.cohort=13", "fed", "--config", first, "--config=" + second});
  EXPECT_EQ(fleet.seed, 11u);
  EXPECT_EQ(fleet.model, "second");
  EXPECT_EQ(fleet.cohort, 13u);
  EXPECT_THAT(a.options.at("config"), ElementsAre(first, second));
}

TEST_F(CommandLineTest, AKeyMayBeSetToTheEmptyText) {
  fleet.images = "x";
  parse({"fed", "--model=", "--set", "data.images="});
  EXPECT_EQ(fleet.model, "");
  EXPECT_TRUE(fleet.images.empty());
  EXPECT_TRUE(keys.was_set("model"));
}

TEST_F(CommandLineTest, ValuesMayLookLikeOptions) {
  command.positional = {"WORD..."};
  EXPECT_EQ(parse({"w", "--out=--json"}).get("out"), "--json");
  EXPECT_EQ(parse({"w", "--out", "-5"}).get("out"), "-5");
  EXPECT_THAT(parse({"--", "--json", "-x", "-"}).positional, ElementsAre("--json", "-x", "-"));
}

TEST_F(CommandLineTest, HelpWinsOverEveryMistakeAndSetsNothing) {
  for (const Words& words : {Words{"--help"}, {"-h"}, {"--bogus", "--help"}, {"a", "b", "--seed=5", "--out", "-h"}}) {
    EXPECT_EQ(options::parse(command, &keys, words), std::nullopt) << words.front();
  }
  EXPECT_EQ(fleet.seed, 1u);
  command.positional = {"WORD..."};
  EXPECT_THAT(parse({"--", "--help"}).positional, ElementsAre("--help"));
}

TEST_F(CommandLineTest, NothingIsSetWhenTheLineItselfIsWrong) {
  const std::string file = folder.write("fleet.conf", "model = cnn\n");
  for (const Words& words : {Words{"fed", "--seed=5", "--config", file, "--bogus"}, {"--seed=5", "--config", file}}) {
    refused(words);
    EXPECT_EQ(fleet.seed, 1u);
    EXPECT_EQ(fleet.model, "2nn");
  }
}

TEST_F(CommandLineTest, ArgumentsAreCounted) {
  command.positional = {"FOLDER", "NAME..."};
  EXPECT_EQ(refused({"fed"}), "NAME is missing: write run FOLDER NAME..., see --help");
  EXPECT_THAT(parse({"fed", "a", "b", "c"}).positional, ElementsAre("fed", "a", "b", "c"));
  command.positional = {"[FILE]"};
  EXPECT_TRUE(parse({}).positional.empty());
  EXPECT_EQ(refused({"a", "b"}), "superfluous argument \"b\": write run [FILE] and options only");
  command.positional = {"[FILE...]"};
  EXPECT_TRUE(parse({}).positional.empty());
  EXPECT_EQ(parse({"a", "b"}).positional.size(), 2u);
}

TEST_F(CommandLineTest, WithoutKeysThereIsNoSetAndNoConfig) {
  EXPECT_EQ(options::parse(command, nullptr, {"fed", "--out=x"})->get("out"), "x");
  const auto refused_alone = [&](const Words& words) {
    return refusal(Error::Kind::Malformed, [&] { options::parse(command, nullptr, words); });
  };
  EXPECT_EQ(refused_alone({"fed", "--set", "a=b"}), "unknown option \"--set\": --help lists the options");
  EXPECT_EQ(refused_alone({"fed", "--config=x"}), "unknown option \"--config\": --help lists the options");
  EXPECT_EQ(refused_alone({"fed", "--seed="}), "unknown option \"--seed\": --help lists the options");
}

TEST_F(CommandLineTest, AFileThatIsMissingIsNamed) {
  const std::string missing = (folder.path() / "none.conf").string();
  EXPECT_EQ(refusal(Error::Kind::Unavailable,
                    [&] {
                      options::parse(command, &keys, {"fed", "--config", missing});
                    }),
            "cannot open " + missing + ": No such file or directory");
}

TEST_F(CommandLineTest, AnOptionThatClashesIsOurBug) {
  command.options.push_back({"seed", "N", "also a key"});
  refusal(Error::Kind::Internal, [&] { options::parse(command, &keys, {"fed"}); });
  command.options.back().name = "config";
  refusal(Error::Kind::Internal, [&] { options::parse(command, &keys, {"fed"}); });
}

struct WrongLine {
  Words words;
  const char* message;
};

void PrintTo(const WrongLine& wrong, std::ostream* out) {
  for (const std::string& word : wrong.words) *out << word << " ";
}

class WrongCommandLine : public CommandLineTest, public ::testing::WithParamInterface<WrongLine> {};

TEST_P(WrongCommandLine, IsRefusedInOneLineThatSaysWhatToDo) {
  EXPECT_EQ(refused(GetParam().words), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    CommandLine, WrongCommandLine,
    ::testing::Values(
        WrongLine{{}, "FOLDER is missing: write run FOLDER, see --help"},
        WrongLine{{"fed", "x"}, "superfluous argument \"x\": write run FOLDER and options only"},
        WrongLine{{"fed", ""}, "superfluous argument \"\": write run FOLDER and options only"},
        WrongLine{{"fed", "round.cohort=3"}, "superfluous argument \"round.cohort=3\": write --round.cohort=..."},
        WrongLine{{"fed", "--ot", "x"}, "unknown option \"--ot\": is \"--out\" meant?"},
        WrongLine{{"fed", "--ou=x"}, "unknown option \"--ou\": is \"--out\" meant?"},
        WrongLine{{"fed", "--jsn"}, "unknown option \"--jsn\": is \"--json\" meant?"},
        WrongLine{{"fed", "--Out", "x"}, "unknown option \"--Out\": is \"--out\" meant?"},
        WrongLine{{"fed", "--bogus"}, "unknown option \"--bogus\": --help lists the options"},
        WrongLine{{"fed", "--bogus="}, "unknown option \"--bogus\": --help lists the options"},
        WrongLine{{"fed", "-x"}, "unknown option \"-x\": --help lists the options"},
        WrongLine{{"-5"}, "unknown option \"-5\": --help lists the options"},
        WrongLine{{"fed", "--round.cohrt=3"}, "unknown option \"--round.cohrt\": is \"--round.cohort\" meant?"},
        WrongLine{{"fed", "--cohort=3"}, "unknown option \"--cohort\": is \"--round.cohort\" meant?"},
        WrongLine{{"fed", "--round.coh=3"}, "unknown option \"--round.coh\": is \"--round.cohort\" meant?"},
        WrongLine{{"fed", "--out"}, "--out needs a value: write --out DIR"},
        WrongLine{{"fed", "--out="}, "--out needs a value: write --out=DIR"},
        WrongLine{{"fed", "--out", ""}, "--out needs a value: write --out DIR"},
        WrongLine{{"fed", "--out", "--json"},
                  "--out needs a value, but \"--json\" follows: write --out DIR, or --out=... for a value that begins "
                  "with --"},
        WrongLine{{"fed", "--out", "--jsn"},
                  "--out needs a value, but \"--jsn\" follows: write --out DIR, or --out=... for a value that begins "
                  "with --"},
        WrongLine{{"fed", "--out", "a", "--out", "a"}, "--out is given twice: give it once"},
        WrongLine{{"fed", "--json", "--json"}, "--json is given twice: give it once"},
        WrongLine{{"fed", "--json=3"}, "--json takes no value: write --json alone"},
        WrongLine{{"fed", "--seed"}, "--seed needs a value: write --seed VALUE"},
        WrongLine{{"fed", "--config"}, "--config needs a value: write --config FILE"},
        WrongLine{{"fed", "--set"}, "--set needs a value: write --set KEY=VALUE"},
        WrongLine{{"fed", "--set", "seed"}, "--set \"seed\": has no \"=\": write --set KEY=VALUE"},
        WrongLine{{"fed", "--set", "sead=4"}, "--set: unknown key \"sead\": is \"seed\" meant?"},
        WrongLine{{"fed", "--set", "=4"}, "--set: unknown key \"\": --help lists the keys"},
        WrongLine{{"fed", "--seed=x"}, "command line: seed = \"x\": must be a whole number of at least 0, below 2^63"},
        WrongLine{{"fed", "--seed", "-1"},
                  "command line: seed = \"-1\": must be a whole number of at least 0, below 2^63"},
        WrongLine{{"fed", "--seed="}, "command line: seed = \"\": must be a whole number of at least 0, below 2^63"},
        WrongLine{{"fed", "--set", "round.overselect=nan"},
                  "--set: round.overselect = \"nan\": must be a number from 1 to 10"}));

}  // namespace
}  // namespace tributary::options
