#include "common/options/keys.h"

#include "tests/options/support.h"

namespace tributary::options {
namespace {

class KeysTest : public ::testing::Test {
 protected:
  KeysTest() { fleet.bind(keys); }

  void set(std::string_view key, std::string_view value) { keys.set(key, value, "--set"); }
  std::string refused(std::string_view key, std::string_view value) {
    return refusal(Error::Kind::Malformed, [&] { set(key, value); });
  }

  Fleet fleet;
  Keys keys;
};

TEST_F(KeysTest, AKeySetsTheFieldThatItIsBoundTo) {
  set("model", "cnn, with spaces");
  set("seed", "9007199254740993");
  set("round.cohort", " 25 ");
  set("round.overselect", "1.25");
  set("edge.per_layer", "no");
  set("training.loss", "mean_squared_error");
  set("data.images", "a folder/images");
  set("round.share", "half");
  EXPECT_EQ(fleet.model, "cnn, with spaces");
  EXPECT_EQ(fleet.seed, 9007199254740993u);
  EXPECT_EQ(fleet.cohort, 25u);
  EXPECT_EQ(fleet.overselect, 1.25);
  EXPECT_FALSE(fleet.per_layer);
  EXPECT_EQ(fleet.loss, "mean_squared_error");
  EXPECT_EQ(fleet.images, Path("a folder/images"));
  EXPECT_EQ(fleet.share.front(), "half");
}

TEST_F(KeysTest, FlagsHaveFourSpellings) {
  for (const char* yes : {"yes", "true", "on", "1"}) {
    fleet.per_layer = false;
    set("edge.per_layer", yes);
    EXPECT_TRUE(fleet.per_layer) << yes;
  }
  for (const char* no : {"no", "false", "off", "0"}) {
    fleet.per_layer = true;
    set("edge.per_layer", no);
    EXPECT_FALSE(fleet.per_layer) << no;
  }
}

TEST_F(KeysTest, BoundsOfARangeAreAllowed) {
  for (const char* cohort : {"1", "1000"}) EXPECT_NO_THROW(set("round.cohort", cohort));
  for (const char* factor : {"1", "10", "1e1"}) EXPECT_NO_THROW(set("round.overselect", factor));
  EXPECT_NO_THROW(set("seed", "9223372036854775807"));
  EXPECT_EQ(fleet.seed, 9223372036854775807u);
}

TEST_F(KeysTest, TextsAndPathsMayBeEmpty) {
  set("model", "");
  set("data.images", "");
  EXPECT_EQ(fleet.model, "");
  EXPECT_TRUE(fleet.images.empty());
}

struct Wrong {
  const char* key;
  const char* value;
  const char* message;
};

void PrintTo(const Wrong& wrong, std::ostream* out) {
  *out << wrong.key << " = " << wrong.value;
}

class WrongValue : public KeysTest, public ::testing::WithParamInterface<Wrong> {};

TEST_P(WrongValue, IsRefusedInOneLineAndChangesNothing) {
  std::vector<std::string> before;
  for (const KeyInfo& key : keys.list()) before.push_back(keys.value(key.name));
  EXPECT_EQ(refused(GetParam().key, GetParam().value), GetParam().message);
  std::vector<std::string> after;
  for (const KeyInfo& key : keys.list()) after.push_back(keys.value(key.name));
  EXPECT_EQ(after, before);
  EXPECT_FALSE(keys.was_set(GetParam().key));
}

INSTANTIATE_TEST_SUITE_P(
    Keys, WrongValue,
    ::testing::Values(
        Wrong{"round.cohrt", "5", "--set: unknown key \"round.cohrt\": is \"round.cohort\" meant?"},
        Wrong{"cohort", "5", "--set: unknown key \"cohort\": is \"round.cohort\" meant?"},
        Wrong{"training.cohort", "5", "--set: unknown key \"training.cohort\": is \"round.cohort\" meant?"},
        Wrong{"trainin.los", "5", "--set: unknown key \"trainin.los\": is \"training.loss\" meant?"},
        Wrong{"Seed", "5", "--set: unknown key \"Seed\": is \"seed\" meant?"},
        Wrong{"wobble", "5", "--set: unknown key \"wobble\": --help lists the keys"},
        Wrong{"", "5", "--set: unknown key \"\": --help lists the keys"},
        Wrong{"a\nb\x1b", "5", "--set: unknown key \"a?b?\": --help lists the keys"},
        Wrong{"round.cohort", "0", "--set: round.cohort = \"0\": must be a whole number from 1 to 1000"},
        Wrong{"round.cohort", "1001", "--set: round.cohort = \"1001\": must be a whole number from 1 to 1000"},
        Wrong{"round.cohort", "-3", "--set: round.cohort = \"-3\": must be a whole number from 1 to 1000"},
        Wrong{"round.cohort", "ten", "--set: round.cohort = \"ten\": must be a whole number from 1 to 1000"},
        Wrong{"round.cohort", "", "--set: round.cohort = \"\": must be a whole number from 1 to 1000"},
        Wrong{"round.cohort", "1.5", "--set: round.cohort = \"1.5\": must be a whole number from 1 to 1000"},
        Wrong{"round.cohort", "1e2", "--set: round.cohort = \"1e2\": must be a whole number from 1 to 1000"},
        Wrong{"round.cohort", "0x10", "--set: round.cohort = \"0x10\": must be a whole number from 1 to 1000"},
        Wrong{"round.cohort", "+5", "--set: round.cohort = \"+5\": must be a whole number from 1 to 1000"},
        Wrong{"round.cohort", "4294967297",
              "--set: round.cohort = \"4294967297\": must be a whole number from 1 to 1000"},
        Wrong{"seed", "-1", "--set: seed = \"-1\": must be a whole number of at least 0, below 2^63"},
        Wrong{"seed", "9223372036854775808",
              "--set: seed = \"9223372036854775808\": must be a whole number of at least 0, below 2^63"},
        Wrong{"round.overselect", "0.99", "--set: round.overselect = \"0.99\": must be a number from 1 to 10"},
        Wrong{"round.overselect", "nan", "--set: round.overselect = \"nan\": must be a number from 1 to 10"},
        Wrong{"round.overselect", "1e999", "--set: round.overselect = \"1e999\": must be a number from 1 to 10"},
        Wrong{"round.overselect", "0x10", "--set: round.overselect = \"0x10\": must be a number from 1 to 10"},
        Wrong{"round.overselect", "1,5", "--set: round.overselect = \"1,5\": must be a number from 1 to 10"},
        Wrong{"round.overselect", "", "--set: round.overselect = \"\": must be a number from 1 to 10"},
        Wrong{"round.floor", "-0.5", "--set: round.floor = \"-0.5\": must be a number of at least 0"},
        Wrong{"round.floor", "inf", "--set: round.floor = \"inf\": must be a number of at least 0"},
        Wrong{"edge.per_layer", "maybe", "--set: edge.per_layer = \"maybe\": must be yes or no"},
        Wrong{"edge.per_layer", "Yes", "--set: edge.per_layer = \"Yes\": must be yes or no"},
        Wrong{"training.loss", "cross_entrpy",
              "--set: training.loss = \"cross_entrpy\": must be one of cross_entropy, mean_squared_error (is "
              "\"cross_entropy\" meant?)"},
        Wrong{"training.loss", "hinge",
              "--set: training.loss = \"hinge\": must be one of cross_entropy, mean_squared_error"},
        Wrong{"round.share", "third", "--set: round.share = \"third\": must be all or half"}));

TEST_F(KeysTest, AHugeValueIsCutInTheMessage) {
  EXPECT_EQ(refused("round.cohort", std::string(5000, '9')),
            "--set: round.cohort = \"" + std::string(60, '9') + "...\": must be a whole number from 1 to 1000");
}

TEST_F(KeysTest, ACountIsBoundedByItsField) {
  std::uint32_t workers = 0;
  keys.count("workers", workers, {}, "threads");
  set("workers", "4294967295");
  EXPECT_EQ(workers, 4294967295u);
  EXPECT_EQ(refused("workers", "4294967296"),
            "--set: workers = \"4294967296\": must be a whole number from 0 to 4294967295");
}

TEST_F(KeysTest, TheOriginHeadsTheMessage) {
  EXPECT_EQ(refusal(Error::Kind::Malformed, [&] { keys.set("seed", "x", "fleet.conf:7"); }),
            "fleet.conf:7: seed = \"x\": must be a whole number of at least 0, below 2^63");
}

TEST_F(KeysTest, EveryValuePrintsAsSetTakesIt) {
  set("round.overselect", "1.1");
  set("round.floor", "1e-300");
  set("edge.per_layer", "off");
  set("data.images", "images of {name}");
  for (const KeyInfo& key : keys.list()) {
    const std::string printed = keys.value(key.name);
    set(key.name, printed);
    EXPECT_EQ(keys.value(key.name), printed) << key.name;
  }
  EXPECT_EQ(keys.value("round.overselect"), "1.1");
  EXPECT_EQ(fleet.floor, 1e-300);
  EXPECT_EQ(keys.value("edge.per_layer"), "no");
}

TEST_F(KeysTest, NumbersPrintPlainlyWhereTheyAreWhole) {
  double value = 600000;
  keys.number("seconds", value, {}, "a time");
  EXPECT_EQ(keys.value("seconds"), "600000");
  set("seconds", "1e300");
  EXPECT_EQ(keys.value("seconds"), "1e+300");
}

TEST_F(KeysTest, TheListKeepsTheOrderAndTheDefaults) {
  set("seed", "77");
  const std::vector<KeyInfo> list = keys.list();
  ASSERT_EQ(list.size(), 9u);
  EXPECT_EQ(list[0].name, "model");
  EXPECT_EQ(list[0].kind, "text");
  EXPECT_EQ(list[1].default_text, "1");
  EXPECT_EQ(list[2].kind, "count");
  EXPECT_EQ(list[3].kind, "number");
  EXPECT_EQ(list[3].default_text, "1.5");
  EXPECT_EQ(list[5].kind, "yes|no");
  EXPECT_EQ(list[5].default_text, "yes");
  EXPECT_EQ(list[6].kind, "cross_entropy|mean_squared_error");
  EXPECT_EQ(list[7].kind, "path");
  EXPECT_EQ(list[8].kind, "all|N");
  EXPECT_EQ(list[8].help, "share of those there");
}

TEST_F(KeysTest, OnlyKeysThatWereSetSaySo) {
  EXPECT_TRUE(keys.has("seed"));
  EXPECT_FALSE(keys.has("sead"));
  EXPECT_FALSE(keys.was_set("seed"));
  EXPECT_FALSE(keys.was_set("sead"));
  set("seed", "1");
  EXPECT_TRUE(keys.was_set("seed"));
  EXPECT_FALSE(keys.was_set("model"));
}

TEST_F(KeysTest, DeclaringAgainOrWithAForbiddenDefaultIsOurBug) {
  const auto internal = [](const std::function<void()>& action) { refusal(Error::Kind::Internal, action); };
  double high = 2;
  std::string word = "none";
  internal([&] { keys.text("seed", word, "again"); });
  internal([&] { keys.text("Has Space", word, "no name"); });
  internal([&] { keys.number("share", high, {0, 1}, "above its range"); });
  internal([&] { keys.choice("kind", word, {"a", "b"}, "neither"); });
  internal([&] { keys.value("unknown"); });
}

}  // namespace
}  // namespace tributary::options
