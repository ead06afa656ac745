#include "tests/options/support.h"

namespace tributary::options {
namespace {

class ConfigFileTest : public ::testing::Test {
 protected:
  ConfigFileTest() { fleet.bind(keys); }

  void read(std::string_view text) { read_config(folder.write("fleet.conf", text), keys); }
  // The message without the folder.
  std::string refused(std::string_view text) {
    const std::string message = refusal(Error::Kind::Malformed, [&] { read(text); });
    const std::string head = folder.path().string() + "/";
    EXPECT_TRUE(message.starts_with(head)) << message;
    return message.substr(std::min(head.size(), message.size()));
  }

  Fleet fleet;
  Keys keys;
  Folder folder;
};

TEST_F(ConfigFileTest, SectionsAreThePrefixesOfKeys) {
  read("seed = 7\n\n[round]\ncohort=25\n overselect =\t2.5 \n[training]\nloss = mean_squared_error\n");
  EXPECT_EQ(fleet.seed, 7u);
  EXPECT_EQ(fleet.cohort, 25u);
  EXPECT_EQ(fleet.overselect, 2.5);
  EXPECT_EQ(fleet.loss, "mean_squared_error");
}

TEST_F(ConfigFileTest, ASectionMayComeAgainAndAWholeKeyNeedsNone) {
  read("round.cohort = 3\n[edge]\nper_layer = no\n[round]\noverselect = 2\n[round]\nfloor = 1\n");
  EXPECT_EQ(fleet.cohort, 3u);
  EXPECT_EQ(fleet.overselect, 2.0);
  EXPECT_EQ(fleet.floor, 1.0);
}

TEST_F(ConfigFileTest, ValuesKeepTheirSpacesAndSigns) {
  read("model = a model = with; signs [and] \"quotes\"  \n[data]\nimages = my data/images 1.idx\n");
  EXPECT_EQ(fleet.model, "a model = with; signs [and] \"quotes\"");
  EXPECT_EQ(fleet.images, Path("my data/images 1.idx"));
}

TEST_F(ConfigFileTest, CommentsAreNoPartOfIt) {
  read("; semicolon\n# hash\n  # indented\nseed = 7 # of the run\n[round] # rounds\ncohort = 4\t#four\nfloor = 2\n#");
  EXPECT_EQ(fleet.seed, 7u);
  EXPECT_EQ(fleet.cohort, 4u);
}

TEST_F(ConfigFileTest, LineEndsAndByteOrderMarksOfOtherSystemsDoNotMatter) {
  read("\xEF\xBB\xBFseed = 7\r\n[round]\r\ncohort = 4\r\n\r\nfloor = 2");
  EXPECT_EQ(fleet.seed, 7u);
  EXPECT_EQ(fleet.cohort, 4u);
  EXPECT_EQ(fleet.floor, 2.0);
}

TEST_F(ConfigFileTest, AnEmptyFileSetsNothing) {
  for (const char* text : {"", "\n\n", "[round]\n", "# nothing"}) EXPECT_NO_THROW(read(text)) << text;
  for (const KeyInfo& key : keys.list()) EXPECT_FALSE(keys.was_set(key.name));
}

TEST_F(ConfigFileTest, AnEmptyValueIsAnEmptyText) {
  read("model =\n[data]\nimages = # none\n");
  EXPECT_EQ(fleet.model, "");
  EXPECT_TRUE(keys.was_set("data.images"));
}

TEST_F(ConfigFileTest, TwoFilesMaySetTheSameKey) {
  read("seed = 1\n");
  read("seed = 2\n");
  EXPECT_EQ(fleet.seed, 2u);
}

TEST_F(ConfigFileTest, AFileThatCannotBeReadIsNamed) {
  const Path missing = folder.path() / "none.conf";
  EXPECT_EQ(refusal(Error::Kind::Unavailable, [&] { read_config(missing, keys); }),
            "cannot open " + missing.string() + ": No such file or directory");
  EXPECT_EQ(refusal(Error::Kind::Unavailable, [&] { read_config(folder.path(), keys); }),
            "cannot read " + folder.path().string() + ": not a regular file");
}

TEST_F(ConfigFileTest, AFileAboveOneMebibyteIsNotRead) {
  const std::string file = folder.write("big.conf", std::string((1u << 20) + 1, '\n'));
  EXPECT_EQ(refusal(Error::Kind::Overloaded, [&] { read_config(file, keys); }),
            file + ": 1048577 bytes, at most 1048576 allowed");
}

TEST_F(ConfigFileTest, KeysBeforeAFaultStaySet) {
  refused("seed = 7\nwobble = 1\n");
  EXPECT_EQ(fleet.seed, 7u);
}

struct WrongFile {
  const char* text;
  const char* message;
};

void PrintTo(const WrongFile& wrong, std::ostream* out) {
  *out << ::testing::PrintToString(wrong.text);
}

class WrongConfigFile : public ConfigFileTest, public ::testing::WithParamInterface<WrongFile> {};

TEST_P(WrongConfigFile, IsRefusedWithItsLine) {
  EXPECT_EQ(refused(GetParam().text), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    ConfigFile, WrongConfigFile,
    ::testing::Values(
        WrongFile{"seed = 1\n\n# x\n[round]\ncohrt = 3\n",
                  "fleet.conf:5: unknown key \"round.cohrt\": is \"round.cohort\" meant?"},
        WrongFile{"cohort = 3\n", "fleet.conf:1: unknown key \"cohort\": is \"round.cohort\" meant?"},
        WrongFile{"[round]\nseed = 3\n", "fleet.conf:2: unknown key \"round.seed\": is \"seed\" meant?"},
        WrongFile{"[round]\ncohort = 0\n", "fleet.conf:2: round.cohort = \"0\": must be a whole number from 1 to 1000"},
        WrongFile{"[round]\ncohort =\n", "fleet.conf:2: round.cohort = \"\": must be a whole number from 1 to 1000"},
        WrongFile{"[round]\ncohort = 10 20\n",
                  "fleet.conf:2: round.cohort = \"10 20\": must be a whole number from 1 to 1000"},
        WrongFile{"[round]\ncohort = 3\noverselect = 2\ncohort = 4\n",
                  "fleet.conf:4: key \"round.cohort\" is given twice: line 2 has it, remove one"},
        WrongFile{"round.cohort = 3\n[round]\ncohort = 3\n",
                  "fleet.conf:3: key \"round.cohort\" is given twice: line 1 has it, remove one"},
        WrongFile{"seed\n", "fleet.conf:1: \"seed\" is neither \"key = value\" nor \"[section]\""},
        WrongFile{"seed = 1\nsome \x01 words\n",
                  "fleet.conf:2: \"some ? words\" is neither \"key = value\" nor \"[section]\""},
        WrongFile{"\n= 4\n", "fleet.conf:2: \"= 4\" has no key before \"=\""},
        WrongFile{"[round\ncohort = 3\n", "fleet.conf:1: \"[round\": a section must end with \"]\""},
        WrongFile{"[]\ncohort = 3\n", "fleet.conf:1: \"[]\" names no section: write it as \"[round]\""},
        WrongFile{"[ round ]\n", "fleet.conf:1: \"[ round ]\" names no section: write it as \"[round]\""},
        WrongFile{"[round.]\n", "fleet.conf:1: \"[round.]\" names no section: write it as \"[round]\""},
        WrongFile{"[a]=[b]\n", "fleet.conf:1: \"[a]=[b]\" names no section: write it as \"[round]\""},
        WrongFile{
            "[data]\nimages = run#1/images\n",
            "fleet.conf:2: \"#\" begins a comment: put a space before it, or give a value that holds one by --set"}));

}  // namespace
}  // namespace tributary::options
