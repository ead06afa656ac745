// tributary-model as its users meet it: a process, its output and its exit code.

#include <cstdio>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>

#include "common/model/zoo.h"

namespace tributary::edge {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Outcome {
  int exit_code = -1;
  std::string output;  // standard output and standard error
};

class ModelProgram : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = Path(::testing::TempDir()) / ("model_program_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // REQUIRES: arguments without quotes.
  Outcome run(const std::string& arguments) {
    const std::string command = "cd '" + folder_.string() + "' && '" TRIBUTARY_MODEL_PROGRAM "' " + arguments + " 2>&1";
    Outcome outcome;
    FILE* pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) return outcome;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) outcome.output += static_cast<char>(c);
    outcome.exit_code = WEXITSTATUS(pclose(pipe));
    return outcome;
  }

  void expect_one_line(const std::string& arguments, const std::string& part) {
    const Outcome outcome = run(arguments);
    EXPECT_NE(outcome.exit_code, 0) << arguments;
    EXPECT_THAT(outcome.output, AllOf(StartsWith("tributary-model: "), HasSubstr(part), EndsWith("\n"))) << arguments;
    EXPECT_EQ(std::count(outcome.output.begin(), outcome.output.end(), '\n'), 1) << outcome.output;
  }

  Path folder_;
};

TEST_F(ModelProgram, AddsTheEnsembleOverTheExitsOfAnExport) {
  auto graph = model::make_zoo_model("odl:6-10x3-2", 1);
  graph.metadata.clear();
  graph.outputs.erase(graph.outputs.begin());
  std::erase_if(graph.nodes,
                [](const model::Node& node) { return node.name.starts_with("hedge.") || node.op == "Log"; });
  std::erase_if(graph.initializers, [](const auto& entry) { return entry.first.starts_with("hedge."); });
  graph.save(folder_ / "exported.onnx");
  EXPECT_EQ(run("exits exported.onnx --out several.onnx").exit_code, 0);
  const auto several = model::Graph::load(folder_ / "several.onnx");
  EXPECT_EQ(several.layout()->digest(), model::make_zoo_model("odl:6-10x3-2", 1).layout()->digest());
  expect_one_line("exits several.onnx --out again.onnx", "already");
}

TEST_F(ModelProgram, WritesTheModelOfTheSeed) {
  EXPECT_EQ(run("new mlp:20-10-3 --seed 7 --out small.onnx").exit_code, 0);
  EXPECT_EQ(model::Graph::load(folder_ / "small.onnx"), model::make_zoo_model("mlp:20-10-3", 7));
}

TEST_F(ModelProgram, ShowsAModelAsTableAndAsJson) {
  ASSERT_EQ(run("new 2nn --out 2nn.onnx").exit_code, 0);
  const Outcome table = run("inspect 2nn.onnx");
  EXPECT_EQ(table.exit_code, 0);
  EXPECT_THAT(table.output, HasSubstr("parameters  199,210, 198,800 of them weights\n"));
  const Outcome json = run("inspect 2nn.onnx --json");
  EXPECT_EQ(json.exit_code, 0);
  EXPECT_EQ(nlohmann::json::parse(json.output).at("parameters"), 199'210);
}

TEST_F(ModelProgram, SaysWhatIsWrongInOneLine) {
  expect_one_line("inspekt x.onnx", "did you mean 'inspect'?");
  expect_one_line("new 2n --out x.onnx", "did you mean '2nn'?");
  expect_one_line("new 2nn", "--out FILE");
  expect_one_line("new 2nn --seed many --out x.onnx", "--seed takes a whole number from 0 up, not 'many'");
  expect_one_line("inspect missing.onnx", "missing.onnx");
}

TEST_F(ModelProgram, HelpsWithExamples) {
  EXPECT_THAT(run("--help").output, AllOf(HasSubstr("new"), HasSubstr("inspect")));
  EXPECT_THAT(run("new --help").output, HasSubstr("tributary-model new 2nn --out 2nn.onnx"));
  EXPECT_THAT(run("inspect --help").output, HasSubstr("tributary-model inspect edge.onnx"));
  EXPECT_EQ(run("inspect --help").exit_code, 0);
}

}  // namespace
}  // namespace tributary::edge
