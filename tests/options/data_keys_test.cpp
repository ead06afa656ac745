#include "common/options/data_keys.h"

#include "tests/options/support.h"

namespace tributary::options {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class DataKeysTest : public ::testing::Test {
 protected:
  DataKeysTest() { bind_data(keys, source, "data", "private examples"); }

  void set(std::string_view key, std::string_view value) { keys.set(key, value, "--set"); }

  data::DataSource source;
  Keys keys;
};

TEST_F(DataKeysTest, EveryKeyEndsInItsField) {
  set("data.format", "csv");
  set("data.images", "a/images");
  set("data.labels", "a/labels");
  set("data.file", "a/rows.csv");
  set("data.label", "-1");
  set("data.holder", "owner");
  set("data.separator", ";");
  set("data.header", "no");
  set("data.standardize", "yes");
  set("data.label_kind", "real");
  set("data.class_names", "DOWN, UP");
  set("data.shape", "1, 28,28");
  set("data.classes", "10");
  set("data.subset", "a/mine.txt");
  EXPECT_EQ(source.format, "csv");
  EXPECT_EQ(source.images, Path("a/images"));
  EXPECT_EQ(source.labels, Path("a/labels"));
  EXPECT_EQ(source.file, Path("a/rows.csv"));
  EXPECT_EQ(source.csv.label, "-1");
  EXPECT_EQ(source.csv.holder, "owner");
  EXPECT_EQ(source.csv.separator, ';');
  EXPECT_FALSE(source.csv.header);
  EXPECT_TRUE(source.csv.standardize);
  EXPECT_EQ(source.csv.label_kind, data::LabelKind::Real);
  EXPECT_THAT(source.csv.class_names, ElementsAre("DOWN", "UP"));
  EXPECT_THAT(source.csv.shape, ElementsAre(1, 28, 28));
  EXPECT_EQ(source.classes, 10u);
  EXPECT_EQ(source.index, Path("a/mine.txt"));
  EXPECT_EQ(keys.list().size(), 14u);
}

TEST_F(DataKeysTest, EveryValuePrintsAsSetTakesIt) {
  set("data.separator", "tab");
  EXPECT_EQ(source.csv.separator, '\t');
  set("data.class_names", "DOWN,UP");
  set("data.shape", "1,28,28");
  set("data.label_kind", "real");
  EXPECT_EQ(keys.value("data.separator"), "tab");
  EXPECT_EQ(keys.value("data.class_names"), "DOWN,UP");
  EXPECT_EQ(keys.value("data.shape"), "1,28,28");
  EXPECT_EQ(keys.value("data.label_kind"), "real");
  for (const KeyInfo& key : keys.list()) EXPECT_NO_THROW(set(key.name, keys.value(key.name))) << key.name;
  EXPECT_EQ(source.csv.separator, '\t');
}

TEST_F(DataKeysTest, AnEmptyListIsAsFound) {
  set("data.class_names", "A");
  set("data.shape", "4");
  set("data.class_names", "");
  set("data.shape", " ");
  EXPECT_THAT(source.csv.class_names, IsEmpty());
  EXPECT_THAT(source.csv.shape, IsEmpty());
}

TEST_F(DataKeysTest, WrongValuesAreRefusedAndChangeNothing) {
  const std::vector<std::array<const char*, 3>> wrong{
      {"data.format", "scv", "must be one of idx, csv (is \"csv\" meant?)"},
      {"data.separator", "", "must be one character, or \"tab\""},
      {"data.separator", ";;", "must be one character, or \"tab\""},
      {"data.label_kind", "reel", "must be one of class, real (is \"real\" meant?)"},
      {"data.class_names", "A,,B", "must be texts between commas, none of them empty"},
      {"data.class_names", "A,", "must be texts between commas, none of them empty"},
      {"data.shape", "28x28", "must be whole numbers of at least 1 between commas, such as 1,28,28"},
      {"data.shape", "28,0", "must be whole numbers of at least 1 between commas, such as 1,28,28"},
      {"data.shape", "28,-1", "must be whole numbers of at least 1 between commas, such as 1,28,28"},
      {"data.classes", "65537", "must be a whole number from 0 to 65536"},
      {"data.classes", "ten", "must be a whole number from 0 to 65536"}};
  for (const auto& [key, value, message] : wrong) {
    const std::string before = keys.value(key);
    EXPECT_EQ(refusal(Error::Kind::Malformed, [&, k = key, v = value] { set(k, v); }),
              std::string("--set: ") + key + " = \"" + value + "\": " + message);
    EXPECT_EQ(keys.value(key), before);
  }
}

TEST_F(DataKeysTest, ImagesOrAFileNameExamples) {
  data::DataSource held_out;
  bind_data(keys, held_out, "evaluation", "held-out examples");
  EXPECT_FALSE(names_data(keys, "data"));
  set("data.labels", "labels");
  set("data.format", "csv");
  EXPECT_FALSE(names_data(keys, "data"));
  set("data.file", "rows.csv");
  EXPECT_TRUE(names_data(keys, "data"));
  EXPECT_FALSE(names_data(keys, "evaluation"));
  set("evaluation.images", "images");
  EXPECT_TRUE(names_data(keys, "evaluation"));
  EXPECT_EQ(held_out.images, Path("images"));
}

TEST_F(DataKeysTest, TheParticipantsNameStandsInEveryPath) {
  source.images = "data/{name}/images";
  source.labels = "data/{name}/{name}.labels";
  source.file = "{name}{name}.csv";
  source.index = "plain";
  source.csv.label = "{name}";
  const data::DataSource mine = for_participant(source, "clinic-a");
  EXPECT_EQ(mine.images, Path("data/clinic-a/images"));
  EXPECT_EQ(mine.labels, Path("data/clinic-a/clinic-a.labels"));
  EXPECT_EQ(mine.file, Path("clinic-aclinic-a.csv"));
  EXPECT_EQ(mine.index, Path("plain"));
  EXPECT_EQ(mine.csv.label, "{name}");
  EXPECT_EQ(for_participant(source, "{name}").file, Path("{name}{name}.csv"));
}

}  // namespace
}  // namespace tributary::options
