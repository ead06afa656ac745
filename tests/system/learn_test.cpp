// tributary-participant learn, as a user runs it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/model/exits.h"
#include "common/model/graph.h"
#include "tests/system/programs.h"

namespace tributary::testing {
namespace {

using ::testing::HasSubstr;

class LearnProgramTest : public ::testing::Test {
 protected:
  Workplace place;
};

TEST_F(LearnProgramTest, AGeneratedStreamIsLearntAndItsFolderHoldsWhatWasSeen) {
  const auto said = place.run(
      "tributary-participant learn --stream.source=sea,every=3000,examples=6000 --model=odl:{in}-20x3-{out} "
      "--every=2000 "
      "--out run");
  ASSERT_EQ(said.code, 0) << said.text;
  EXPECT_THAT(said.text, HasSubstr("6000"));
  const auto report = nlohmann::json::parse(read_text_file(place / "run" / "report.json"));
  EXPECT_EQ(report["examples"], 6000);
  EXPECT_GT(report["accuracy"], 0.8);
  EXPECT_EQ(report["alphas"].size(), 3u);
  const std::string lines = read_text_file(place / "run" / "stream.jsonl");
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 3);
  const auto learnt = model::Graph::load(place / "run" / "learnt.onnx");
  EXPECT_EQ(model::exits_of(learnt).size(), 3u);
}

TEST_F(LearnProgramTest, ACsvFileIsReplayedInItsOrder) {
  std::string csv = "a,b,label\n";
  for (int i = 0; i < 400; ++i)
    csv += std::to_string(i % 7) + "," + std::to_string(i % 2) + "," + std::to_string(i % 2) + "\n";
  place.write("good.csv", csv);
  const auto said =
      place.run("tributary-participant learn --data.format=csv --data.file=good.csv --model=linear:{in}-{out} --json");
  ASSERT_EQ(said.code, 0) << said.text;
  const auto report = nlohmann::json::parse(said.text);
  EXPECT_EQ(report["examples"], 400);
  EXPECT_GT(report["accuracy"], 0.9);
  EXPECT_EQ(report["no_change_accuracy"], 0.0);
}

TEST_F(LearnProgramTest, MistakesAreAnsweredByOneLineThatNamesThem) {
  const auto refused = [&](const std::string& words, const char* why) {
    const auto said = place.run("tributary-participant learn " + words);
    EXPECT_EQ(said.code, 2) << words;
    EXPECT_THAT(said.text, HasSubstr(why));
    EXPECT_EQ(std::count(said.text.begin(), said.text.end(), '\n'), 1) << said.text;
  };
  refused("--stream.source=see", "did you mean 'sea'?");
  refused("--stream.source=sea --online.schedule=adagrat", "adagrad");
  refused("--stream.source=sea --every=0", "--every");
  refused("--stream.source=sea,examples=10 --model=mlp:5-10-2", "3 values");
  refused("--stream.source=rbf,examples=100 --model=mlp:10-10-2", "2 outputs");
  refused("--stream.source=sea --online.beta=1", "online.beta");
}

}  // namespace
}  // namespace tributary::testing
