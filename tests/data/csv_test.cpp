#include <clocale>
#include <cmath>

#include <gmock/gmock.h>

#include "common/data/parse.h"
#include "tests/data/support.h"

namespace tributary::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

DatasetPtr parse(std::string_view text, const CsvOptions& options = {}) {
  return parse_csv(text, "f.csv", options);
}

Examples parsed(std::string_view text, const CsvOptions& options = {}) {
  return read_all(parse(text, options));
}

TEST(Csv, TheLastColumnIsTheLabelUnlessSaidOtherwise) {
  const DatasetPtr data = parse("a,b,class\n1,2,0\n3.5,-4e-1,2\n");
  EXPECT_EQ(data->size(), 2u);
  EXPECT_EQ(data->classes(), 3u);
  EXPECT_THAT(std::vector(data->feature_shape().begin(), data->feature_shape().end()), ElementsAre(2));
  const Examples got = read_all(data);
  EXPECT_THAT(got.features, ElementsAre(1, 2, 3.5f, -0.4f));
  EXPECT_THAT(got.labels, ElementsAre(0, 2));
}

TEST(Csv, TheLabelColumnIsFoundByNameOrIndex) {
  const char* text = "a,b,c\n1,0,3\n";
  for (const char* label : {"b", "1", "-2"}) {
    EXPECT_THAT(parsed(text, {.label = label}).features, ElementsAre(1, 3)) << label;
  }
  EXPECT_THAT(parsed("1,0,3\n", {.header = false, .label = "1"}).features, ElementsAre(1, 3));
  EXPECT_THAT(parsed("2,0\n1,5\n", {.label = "2"}).labels, ElementsAre(1)) << "a name comes before an index";
}

TEST(Csv, TheHolderColumnIsNoFeatureAndIsNumberedByItsSortedTexts) {
  const DatasetPtr data = parse("user,a,y\nzoe,1,0\n adam ,2,1\nzoe,3,0\n", {.holder = "user"});
  EXPECT_THAT(read_all(data).features, ElementsAre(1, 2, 3));
  ASSERT_EQ(data->holders(), 2u);
  EXPECT_EQ(data->holder_of(0), 1u);
  EXPECT_EQ(data->holder_of(1), 0u);
  EXPECT_EQ(data->holder_of(2), 1u);
  EXPECT_EQ(parse("a,y\n1,0\n")->holders(), 0u);
}

TEST(Csv, AHolderColumnThatCannotBeOneIsRefused) {
  const struct {
    const char* text;
    const char* holder;
    const char* message;
  } cases[] = {{"user,a,y\nzoe,1,0\n", "usr", "no holder column \"usr\": is \"user\" meant?"},
               {"user,a,y\nzoe,1,0\n", "y", "is the label"},
               {"user,a,y\nzoe,1,0\n,2,1\n", "user", "every example needs its holder"},
               {"user,y\nzoe,0\n", "user", "no column is left for a feature"}};
  for (const auto& c : cases) {
    EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { parse(c.text, {.holder = c.holder}); }), HasSubstr(c.message));
  }
}

TEST(Csv, LineEndsBlankEndsAndByteOrderMarksDoNotMatter) {
  const Examples expected = parsed("a,y\n1,0\n2,1\n");
  for (const char* text : {"a,y\r\n1,0\r\n2,1\r\n", "a,y\n1,0\n2,1", "a,y\r\n1,0\r\n2,1\r", "a,y\n1,0\n2,1\n\n\r\n",
                           "\xEF\xBB\xBF"
                           "a,y\n1,0\n2,1\n"}) {
    const Examples got = parsed(text);
    EXPECT_EQ(got.features, expected.features) << text;
    EXPECT_EQ(got.labels, expected.labels) << text;
  }
}

TEST(Csv, QuotedFieldsMayHoldSeparatorsQuotesAndLineBreaks) {
  const char* text =
      "\"the \"\"first\"\", of all\",\"y\"\r\n"
      "\"1\",\"a,b\"\r\n"
      "2,\"a \"\"b\"\"\n\nc\"\n"
      "\"3\",\"a,b\"";
  const Examples got = parsed(text);
  EXPECT_THAT(got.features, ElementsAre(1, 2, 3));
  EXPECT_THAT(got.labels, ElementsAre(1, 0, 1));
}

TEST(Csv, SeparatorsMayBeOthers) {
  EXPECT_THAT(parsed("a;b;y\n1;2;0\n", {.separator = ';'}).features, ElementsAre(1, 2));
  EXPECT_THAT(parsed("a\tb\ty\n1\t2\t0\n", {.separator = '\t'}).features, ElementsAre(1, 2));
}

TEST(Csv, NumbersComeAsPeopleWriteThem) {
  EXPECT_THAT(parsed("1, 2,+3 ,1e3,-0.5E-2,.5,7.,1e-400,0.0,0\n", {.header = false}).features,
              ElementsAre(1, 2, 3, 1000, -0.005f, 0.5f, 7, 0, 0));
}

TEST(Csv, NumbersDoNotDependOnTheLocale) {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  for (const char* name : {"de_DE.UTF-8", "fr_FR.UTF-8"}) std::setlocale(LC_ALL, name);
  EXPECT_THAT(parsed("1.5,0\n", {.header = false}).features, ElementsAre(1.5f));
  std::setlocale(LC_ALL, before.c_str());
}

TEST(Csv, TextLabelsAreNumberedInTheOrderOfTheirSortedNames) {
  EXPECT_THAT(parsed("a,class\n1,UP\n2,DOWN\n3,UP\n").labels, ElementsAre(1, 0, 1));
  EXPECT_THAT(parsed("a,class\n2,DOWN\n3,UP\n1,UP\n").labels, ElementsAre(0, 1, 1));
}

TEST(Csv, GivenClassNamesKeepTheirNumbersWhereAFileLacksSome) {
  const CsvOptions options{.class_names = {"low", "middle", "high"}};
  const DatasetPtr data = parse("a,y\n1,high\n2,low\n", options);
  EXPECT_EQ(data->classes(), 3u);
  EXPECT_THAT(read_all(data).labels, ElementsAre(2, 0));
}

TEST(Csv, IntegralClassNumbersMayBeWrittenAsReals) {
  EXPECT_THAT(parsed("a,y\n1,2.0\n2,0.0\n").labels, ElementsAre(2, 0));
}

TEST(Csv, RealLabelsAreKept) {
  const DatasetPtr data = parse("a,y\n1,-2.5\n2,1e3\n", {.label_kind = LabelKind::Real});
  EXPECT_EQ(data->classes(), 0u);
  EXPECT_THAT(read_all(data).labels, ElementsAre(-2.5f, 1000));
}

TEST(Csv, StandardizedFeaturesHaveMeanZeroAndDeviationOne) {
  const Examples got = parsed("a,b,y\n1000001,5,0\n1000003,5,0\n1000005,5,0\n1000007,5,1\n", {.standardize = true});
  double sum = 0, squares = 0;
  for (int row = 0; row < 4; ++row) {
    sum += got.features[2 * row];
    squares += got.features[2 * row] * got.features[2 * row];
    EXPECT_EQ(got.features[2 * row + 1], 0) << "a constant column";
  }
  EXPECT_NEAR(sum, 0, 1e-5);
  EXPECT_NEAR(squares / 4, 1, 1e-5);
  EXPECT_THAT(got.labels, ElementsAre(0, 0, 0, 1));
}

TEST(Csv, AShapeMayBeGiven) {
  const DatasetPtr data = parse("1,2,3,4,0\n", {.header = false, .shape = {1, 2, 2}});
  EXPECT_THAT(std::vector(data->feature_shape().begin(), data->feature_shape().end()), ElementsAre(1, 2, 2));
}

TEST(Csv, FilesArePlainOrGzipByContent) {
  const Folder folder;
  const std::string text = "a,y\n1,0\n2,1\n";
  EXPECT_THAT(read_all(load_csv(folder.write("plain", text))).features, ElementsAre(1, 2));
  EXPECT_THAT(read_all(load_csv(folder.write("packed", gzipped(text)))).features, ElementsAre(1, 2));
}

TEST(Csv, ALongFileIsReadWhole) {
  std::string text = "a,b,y\n";
  for (int i = 0; i < 30000; ++i)
    text += std::to_string(i) + "," + std::to_string(i * 0.25) + "," + std::to_string(i % 7) + "\n";
  const Folder folder;
  const Examples got = read_all(load_csv(folder.write("long.csv.gz", gzipped(text))));
  ASSERT_EQ(got.labels.size(), 30000u);
  for (int i = 0; i < 30000; ++i) {
    ASSERT_EQ(got.features[2 * i], static_cast<float>(i));
    ASSERT_EQ(got.features[2 * i + 1], static_cast<float>(i) * 0.25f);
    ASSERT_EQ(got.labels[i], static_cast<float>(i % 7));
  }
}

struct BadCsv {
  const char* says;
  std::string text;
  CsvOptions options = {};
};

void expect_refused(const std::vector<BadCsv>& cases) {
  for (const BadCsv& c : cases) {
    EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { parse(c.text, c.options); }), HasSubstr(c.says)) << c.text;
  }
}

TEST(Csv, BadRowsAreRefusedNamingFileAndLine) {
  expect_refused({
      {"f.csv: no rows: the file is empty", ""},
      {"f.csv: no rows: the file is empty", "\n\n"},
      {"f.csv: no rows below the header", "a,y\n"},
      {"f.csv:3: 1 fields, 2 expected as in line 1", "a,y\n1,0\n2\n"},
      {"f.csv:2: 3 fields, 2 expected", "a,y\n1,0,4\n"},
      {"f.csv:5: 1 fields, 2 expected", "a,y\n1,\"x\n\n\"\n2\n"},
      {"f.csv:3: blank line between the rows", "a,y\n1,0\n\n2,0\n"},
      {"f.csv:3: blank line between the rows", "a,y\r\n1,0\r\n\r\n2,0\r\n"},
      {"f.csv:2: a quote is opened here and never closed", "a,y\n1,\"up\n2,down\n"},
      {"f.csv:2: text follows a closing quote", "a,y\n1,\"up\"down\n"},
      {"f.csv:1: one column only, features and a label expected: is data.separator = \",\" right?", "a;y\n1;0\n"},
      {"f.csv:1: UTF-16 text", std::string("\xFF\xFE"
                                           "a\0,\0",
                                           6)},
  });
}

TEST(Csv, BadNumbersAreRefusedNamingLineAndColumn) {
  expect_refused({
      {"f.csv:3: column 1 (\"b\"): \"abc\" is not a number", "a,b,y\n1,2,0\n1,abc,0\n"},
      {"f.csv:2: column 0 (\"a\"): \"\" is empty", "a,y\n,0\n"},
      {"f.csv:2: column 0 (\"a\"): \"  \" is empty", "a,y\n  ,0\n"},
      {"\"1.5x\" is not a number", "a,y\n1.5x,0\n"},
      {"\"1,5\" is not a number", "a,y\n\"1,5\",0\n"},
      {"\"+-1\" is not a number", "a,y\n+-1,0\n"},
      {"\"0x10\" is not a number", "a,y\n0x10,0\n"},
      {"\"?\" is not a number", "a,y\n?,0\n"},
      {"\"1?2\" is not a number", std::string("a,y\n1\0"
                                              "2,0\n",
                                              9)},
      {"\"nan\" is not finite", "a,y\nnan,0\n"},
      {"\"-inf\" is not finite", "a,y\n-inf,0\n"},
      {"\"1e400\" is not finite", "a,y\n1e400,0\n"},
      {"\"1e39\" does not fit a 32-bit float", "a,y\n1e39,0\n"},
      {"f.csv:1: column 0: \"a\" is not a number: if line 1 names the columns, set data.header = true",
       "a,y\n1,0\n",
       {.header = false}},
      {"column 1 (\"y\"): \"up\" is not a number", "a,y\n1,up\n", {.label_kind = LabelKind::Real}},
  });
}

TEST(Csv, BadLabelsAreRefusedNamingTheLine) {
  expect_refused({
      {"f.csv:1: no label column \"clas\": is \"class\" meant?", "a,class\n1,0\n", {.label = "clas"}},
      {"f.csv:1: no label column \"target\": the first line names \"a\" to \"y\"", "a,y\n1,0\n", {.label = "target"}},
      {"no label column \"2\"", "a,y\n1,0\n", {.label = "2"}},
      {"no label column \"-3\": set data.label to an index from 0 to 1", "1,0\n", {.header = false, .label = "-3"}},
      {"f.csv:1: two columns are named \"y\"", "a,y,y\n1,0,0\n", {.label = "y"}},
      {"f.csv:3: class label \"2\" is out of range: integers from 0 to 1", "a,y\n1,0\n1,2\n", {.classes = 2}},
      {"f.csv:2: class label \"-1\" is out of range", "a,y\n1,-1\n1,1\n"},
      {"f.csv:2: class label \"0.5\" is out of range", "a,y\n1,0.5\n"},
      {"f.csv:2: class label \"nan\" is out of range", "a,y\n1,nan\n"},
      {"f.csv:2: class label \"65536\" is out of range", "a,y\n1,65536\n"},
      {"f.csv:3: class label \"up\" is not a number, although others are", "a,y\n1,0\n1,up\n"},
      {"f.csv:2: class label \"up\" is not a number, although others are", "a,y\n1,up\n1,0\n"},
      {"f.csv:2: the class label is empty", "a,y\n1,\n"},
      {"f.csv: 3 different class texts, 2 expected (data.classes)", "a,y\n1,u\n1,v\n1,w\n", {.classes = 2}},
      {"f.csv:2: class label \"PU\" is not among data.class_names: is \"UP\" meant?",
       "a,y\n1,PU\n",
       {.class_names = {"DOWN", "UP"}}},
  });
}

TEST(Csv, BadOptionsAreRefusedNamingTheKey) {
  const std::string text = "a,b,y\n1,2,0\n";
  expect_refused({
      {"data.separator", text, {.separator = '"'}},
      {"data.separator", text, {.separator = '\n'}},
      {"data.shape makes 3 values, the file has 2 feature columns", text, {.shape = {3}}},
      {"data.shape: dimension 0", text, {.shape = {2, 0}}},
      {"data.shape: size overflows", text, {.shape = {std::int64_t{1} << 62, 4}}},
      {"data.classes: at most 65536", text, {.classes = 70000}},
      {"data.class_names: 2 names, but data.classes = 3", text, {.classes = 3, .class_names = {"a", "b"}}},
  });
}

TEST(Csv, ARealLabelColumnTakenForClassesIsNoticed) {
  std::string text = "a,y\n";
  for (int i = 0; i < 70000; ++i) text += "1,x" + std::to_string(i) + "\n";
  EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { parse(text); }),
              HasSubstr("f.csv:65538: more than 65536 different class labels: is data.label_kind = real meant?"));
}

TEST(Csv, ForeignTextIsCutAndMadePrintableInMessages) {
  const std::string message =
      refusal(Error::Kind::Malformed, [] { parse("a,y\n\"x\n\x1B[2J" + std::string(500, 'z') + "\",0\n"); });
  EXPECT_THAT(message, HasSubstr("\"x??[2Jzzz"));
  EXPECT_LT(message.size(), 150u);
}

TEST(Csv, LimitsHoldBeforeMemoryIsSpent) {
  const Folder folder;
  const std::string text = "a,y\n" + std::string(30, '1') + ",0\n";
  for (const std::string& content : {text, gzipped(text)}) {
    const Path path = folder.write("f", content);
    EXPECT_EQ(load_csv(path, {}, {.max_bytes = text.size()})->size(), 1u);
    refusal(Error::Kind::Overloaded, [&] { load_csv(path, {}, {.max_bytes = text.size() - 1}); });
  }
  EXPECT_THAT(refusal(Error::Kind::Overloaded, [] { parse_csv("a,b,c,y\n", "f.csv", {}, {.max_columns = 3}); }),
              HasSubstr("f.csv:1: more than 3 columns"));
}

}  // namespace
}  // namespace tributary::data
