#include "common/data/source.h"

#include <gmock/gmock.h>

#include "tests/data/support.h"

namespace tributary::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Source : public ::testing::Test {
 protected:
  DataSource idx_source() const {
    DataSource source;
    source.images = folder_.write("images.gz", gzipped(idx({3, 1, 2}, "abcdef")));
    source.labels = folder_.write("labels", idx({3}, std::string("\0\1\1", 3)));
    return source;
  }
  DataSource csv_source() const {
    DataSource source;
    source.format = "csv";
    source.file = folder_.write("rows.csv", "a,y\n1,0\n2,1\n3,1\n");
    return source;
  }

  Folder folder_;
};

TEST_F(Source, IdxAndCsvOpenWhole) {
  EXPECT_THAT(open(idx_source()).indices, ElementsAre(0, 1, 2));
  EXPECT_EQ(open(idx_source()).dataset->feature_size(), 2u);
  EXPECT_THAT(open(csv_source()).indices, ElementsAre(0, 1, 2));
  EXPECT_EQ(open(csv_source()).dataset->feature_size(), 1u);
}

TEST_F(Source, ExamplesWithoutLabelsAreOfOneClassWhereNoneAreWanted) {
  DataSource source = idx_source();
  source.labels.clear();
  EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { open(source); }), HasSubstr("data.labels is not set"));
  source.labelled = false;
  const View view = open(source);
  EXPECT_EQ(view.dataset->classes(), 1u);
  const auto all = read(*view.dataset, view.indices);
  EXPECT_THAT(all.features,
              ElementsAre(97 / 255.0F, 98 / 255.0F, 99 / 255.0F, 100 / 255.0F, 101 / 255.0F, 102 / 255.0F));
  EXPECT_THAT(all.labels, ElementsAre(0, 0, 0));
}

TEST_F(Source, AnIndexFileMakesASubset) {
  DataSource source = csv_source();
  source.index = folder_.write("part", "2\n0\n");
  const View view = open(source);
  EXPECT_THAT(view.indices, ElementsAre(2, 0));
  EXPECT_THAT(read(*view.dataset, view.indices).features, ElementsAre(3, 1));

  source.index = folder_.write("part", "3\n");
  EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { open(source); }), HasSubstr("part:1: index 3 is out of range"));
}

TEST_F(Source, ManySubsetsShareOneDataset) {
  const DatasetPtr data = load(csv_source());
  const View first = subset(data, folder_.write("first", "0\n"));
  const View second = subset(data, folder_.write("second", "1\n2\n"));
  EXPECT_EQ(first.dataset, second.dataset);
  EXPECT_EQ(second.size(), 2u);
}

TEST_F(Source, ClassesRuleBothFormats) {
  for (DataSource source : {idx_source(), csv_source()}) {
    source.classes = 5;
    EXPECT_EQ(load(source)->classes(), 5u);
    source.classes = 1;
    EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { load(source); }), HasSubstr("data.classes"));
  }
}

TEST_F(Source, AWrongKeyIsNamedWithWhatToDo) {
  struct Case {
    const char* says;
    std::function<void(DataSource&)> change;
    bool csv = false;
  };
  const Case cases[] = {
      {"data.images is not set: name the file that holds the images", [](DataSource& s) { s.images.clear(); }},
      {"data.labels is not set: name the file that holds the labels", [](DataSource& s) { s.labels.clear(); }},
      {"data.file is not set: name the file that holds the rows", [](DataSource& s) { s.file.clear(); }, true},
      {"data.format: unknown value \"cvs\": is \"csv\" meant?", [](DataSource& s) { s.format = "cvs"; }},
      {"data.format: unknown value \"parquet\": \"idx\" and \"csv\" are known",
       [](DataSource& s) { s.format = "parquet"; }},
      {"data.file is set, which belongs to data.format = csv", [](DataSource& s) { s.file = "f"; }},
      {"data.label is set", [](DataSource& s) { s.csv.label = "y"; }},
      {"data.standardize is set", [](DataSource& s) { s.csv.standardize = true; }},
      {"data.shape is set", [](DataSource& s) { s.csv.shape = {2}; }},
      {"data.class_names is set", [](DataSource& s) { s.csv.class_names = {"a"}; }},
      {"data.label_kind = real is set", [](DataSource& s) { s.csv.label_kind = LabelKind::Real; }},
      {"data.images is set, which belongs to data.format = idx", [](DataSource& s) { s.images = "f"; }, true},
      {"data.labels is set", [](DataSource& s) { s.labels = "f"; }, true},
  };
  for (const Case& c : cases) {
    DataSource source = c.csv ? csv_source() : idx_source();
    c.change(source);
    EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { open(source); }), HasSubstr(c.says));
  }
}

TEST_F(Source, UnpackedFilesArePlainAndHoldTheSame) {
  const DataSource packed = idx_source();
  const DataSource plain = unpack(packed, folder_ / "plain/here");
  EXPECT_EQ(plain.images, folder_ / "plain/here/images");
  EXPECT_EQ(plain.labels, packed.labels) << "was plain already";
  EXPECT_EQ(read_text_file(plain.images), idx({3, 1, 2}, "abcdef"));
  EXPECT_EQ(read_all(load(plain)).features, read_all(load(packed)).features);
}

TEST_F(Source, LabelKindsHaveNames) {
  EXPECT_EQ(label_kind_from("class"), LabelKind::Class);
  EXPECT_EQ(label_kind_from("real"), LabelKind::Real);
  EXPECT_THAT(refusal(Error::Kind::Malformed, [] { label_kind_from("reel"); }),
              HasSubstr("data.label_kind: unknown value \"reel\": is \"real\" meant?"));
}

}  // namespace
}  // namespace tributary::data
