// tributary-model as its users meet it: a process, its output and its exit code.

#include "common/model/zoo.h"
#include "tests/edge/model_process.h"

namespace tributary::edge {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using testing::Outcome;

class ModelProgram : public testing::ModelProcess {};

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

TEST_F(ModelProgram, TrainsResumesEvaluatesAndPredicts) {
  write_examples("points.csv");
  const std::string data = " --data.format=csv --data.file=points.csv";
  const std::string train = "train mlp:2-8-2 --training.batch_size=4" + data;
  const Outcome first = run(train +
                            " --training.epochs=2 --out half.onnx --evaluation.format=csv "
                            "--evaluation.file=points.csv");
  EXPECT_EQ(first.exit_code, 0) << first.output;
  EXPECT_THAT(first.output, AllOf(HasSubstr("accuracy"), HasSubstr("2/2")));
  const Outcome resumed = run(train + " --training.epochs=4 --out half.onnx --resume");
  EXPECT_THAT(resumed.output, AllOf(HasSubstr("3/4"), HasSubstr("4/4")));
  EXPECT_EQ(run(train + " --training.epochs=4 --out whole.onnx").exit_code, 0);
  EXPECT_EQ(model::Graph::load(folder_ / "half.onnx"), model::Graph::load(folder_ / "whole.onnx"));
  const Outcome evaluated = run("evaluate whole.onnx --json" + data);
  EXPECT_GE(nlohmann::json::parse(evaluated.output).at("accuracy"), 0.9) << evaluated.output;
  EXPECT_THAT(run("evaluate whole.onnx" + data).output, HasSubstr("answers (columns)"));
  EXPECT_THAT(run("predict whole.onnx" + data).output, StartsWith("example,answer,out0,out1\n0,0,"));
}

TEST_F(ModelProgram, FoldsAModel) {
  ASSERT_EQ(run("new lenet --out lenet.onnx").exit_code, 0);
  EXPECT_THAT(run("fold lenet.onnx --out folded.onnx").output, StartsWith("folded.onnx: "));
  EXPECT_EQ(model::Graph::load(folder_ / "folded.onnx").nodes.size(), 8U);
}

TEST_F(ModelProgram, QuantizesByEveryScheme) {
  write_examples("points.csv");
  const std::string data = " --data.format=csv --data.file=points.csv";
  ASSERT_EQ(run("train mlp:2-8-2 --out float.onnx --training.batch_size=4" + data).exit_code, 0);
  for (const std::string scheme : {"weights", "dynamic", "static", "aware"}) {
    const Outcome made = run("quantize float.onnx --out small.onnx --scheme=" + scheme + data);
    EXPECT_EQ(made.exit_code, 0) << made.output;
    EXPECT_THAT(made.output, HasSubstr("small.onnx: " + scheme + ", int8; "));
    const Outcome evaluated = run("evaluate small.onnx --json" + data);
    EXPECT_GE(nlohmann::json::parse(evaluated.output).at("accuracy"), 0.9) << scheme;
  }
  expect_one_line("quantize float.onnx --out small.onnx", "scheme static needs examples to calibrate on");
  expect_one_line("quantize float.onnx --out small.onnx --scheme=statik", "static");
  expect_one_line("quantize float.onnx --scheme=dynamic", "--out FILE");
}

TEST_F(ModelProgram, PrunesAndShrinks) {
  write_examples("points.csv");
  const std::string data = " --data.format=csv --data.file=points.csv";
  ASSERT_EQ(run("new mlp:2-8-2 --out a.onnx").exit_code, 0);
  EXPECT_THAT(run("prune a.onnx --out b.onnx --sparsity=0.75").output, HasSubstr("75.0 % of the weights are zero"));
  EXPECT_THAT(run("prune a.onnx --out b.onnx --pattern=1:2").output, HasSubstr("50.0 % of the weights are zero"));
  EXPECT_THAT(run("prune a.onnx --out b.onnx --channels=0.5").output, HasSubstr("4 of 8 channels stay"));
  const Outcome trained = run("prune a.onnx --out b.onnx --sparsity=0.5 --training.epochs=3" + data);
  EXPECT_THAT(trained.output, AllOf(HasSubstr("3/3"), HasSubstr("50.0 % of the weights are zero")));
  expect_one_line("prune a.onnx --out b.onnx --pattern=4:2", "a pattern is n:m");
  expect_one_line("prune a.onnx --out b.onnx --sparsity=2", "sparsity");
}

TEST_F(ModelProgram, DistilsATeacherIntoAStudent) {
  write_examples("points.csv");
  const std::string data = " --data.format=csv --data.file=points.csv";
  ASSERT_EQ(run("train mlp:2-8-2 --out teacher.onnx --training.batch_size=4" + data).exit_code, 0);
  const Outcome made = run("distil teacher.onnx mlp:2-4-2 --out student.onnx --training.batch_size=4" + data);
  EXPECT_EQ(made.exit_code, 0) << made.output;
  EXPECT_GE(nlohmann::json::parse(run("evaluate student.onnx --json" + data).output).at("accuracy"), 0.9);
  expect_one_line("distil teacher.onnx mlp:2-4-2 --out s.onnx --feature.teacher=relu1.out" + data, "in pairs");
}

TEST_F(ModelProgram, LetsSimilarLayersShare) {
  write_examples("points.csv");
  const std::string data = " --data.format=csv --data.file=points.csv";
  ASSERT_EQ(run("train resmlp:2-8x3-2 --out deep.onnx --training.batch_size=4" + data).exit_code, 0);
  const Outcome made = run("share deep.onnx --out shared.onnx --pairs=2 --training.epochs=3" + data);
  EXPECT_EQ(made.exit_code, 0) << made.output;
  EXPECT_THAT(made.output, AllOf(HasSubstr("shared by"), HasSubstr("3/3"), HasSubstr("2 sets of weights fewer")));
  EXPECT_GE(nlohmann::json::parse(run("evaluate shared.onnx --json" + data).output).at("accuracy"), 0.9);
  EXPECT_EQ(run("share deep.onnx --out shared.onnx --pairs=1 --similarity=cosine").exit_code, 0);
  expect_one_line("share deep.onnx --out shared.onnx --pairs=3" + data, "has 2 pairs of layers of one shape");
  expect_one_line("share deep.onnx --out shared.onnx", "no examples: give data.images");
}

TEST_F(ModelProgram, SearchesASmallerModelWithinALimit) {
  write_examples("points.csv");
  const std::string data = " --data.format=csv --data.file=points.csv";
  ASSERT_EQ(run("train mlp:2-32-2 --out big.onnx --training.batch_size=4" + data).exit_code, 0);
  const std::string search = "optimize big.onnx --out small.onnx --keeps=1,0.5 --training.batch_size=4" + data;
  const Outcome made = run(search + " --max-accuracy-drop 100 --html search.html");
  EXPECT_EQ(made.exit_code, 0) << made.output;
  EXPECT_THAT(made.output, AllOf(HasSubstr("Pareto front:"), HasSubstr("chosen"), HasSubstr("small.onnx: ")));
  EXPECT_THAT(read_text_file(folder_ / "search.html"), HasSubstr("Smaller forms of big.onnx"));
  const Outcome json = run(search + " --target-bytes 900 --json");
  EXPECT_EQ(json.exit_code, 0) << json.output;
  EXPECT_TRUE(nlohmann::json::parse(json.output).contains("candidates"));
  EXPECT_LE(std::filesystem::file_size(folder_ / "small.onnx"), 900U);
  expect_one_line(search, "needs one limit: --target-bytes N or --max-accuracy-drop POINTS");
  expect_one_line(search + " --max-accuracy-drop 1 --forms=statik", "did you mean 'static'?");
  EXPECT_THAT(run(search + " --target-bytes 10").output, HasSubstr("no model has at most 10 bytes"));
}

TEST_F(ModelProgram, ComparesModelsAndWritesAPage) {
  write_examples("points.csv");
  const std::string data = " --data.format=csv --data.file=points.csv";
  ASSERT_EQ(run("new mlp:2-8-2 --out a.onnx").exit_code, 0);
  ASSERT_EQ(run("quantize a.onnx --out b.onnx --scheme=dynamic").exit_code, 0);
  const Outcome made = run("compare a.onnx b.onnx --seconds 0.01 --html page.html" + data);
  EXPECT_EQ(made.exit_code, 0) << made.output;
  EXPECT_THAT(made.output, AllOf(HasSubstr("peak memory"), HasSubstr("a.onnx"), HasSubstr("b.onnx")));
  EXPECT_THAT(read_text_file(folder_ / "page.html"), HasSubstr("Models compared"));
  expect_one_line("compare a.onnx missing.onnx" + data, "missing.onnx");
}

TEST_F(ModelProgram, RefusesExamplesThatDoNotFitTheModel) {
  write_examples("points.csv");
  const std::string data = " --data.format=csv --data.file=points.csv";
  ASSERT_EQ(run("new 2nn --out 2nn.onnx").exit_code, 0);
  expect_one_line("evaluate 2nn.onnx" + data, "model '2nn' takes ?x784, the examples are 2");
  expect_one_line("train 2nn --out x.onnx" + data, "model '2nn' takes ?x784, the examples are 2");
  expect_one_line("evaluate 2nn.onnx", "no examples: give data.images");
  expect_one_line("train mlp:2-2 --out x.onnx --training.weight_decay=1e6 --training.batch_size=1" + data,
                  "lower training.learning_rate");
}

TEST_F(ModelProgram, RefusesFilesThatAreNoModels) {
  ASSERT_EQ(run("new linear --out linear.onnx").exit_code, 0);
  const std::string whole = read_text_file(folder_ / "linear.onnx");
  write_text_file(folder_ / "cut.onnx", whole.substr(0, whole.size() / 2));
  write_text_file(folder_ / "text.onnx", "this is no model\n");
  for (const std::string command : {"inspect ", "evaluate ", "fold --out x.onnx "}) {
    expect_one_line(command + "cut.onnx", "cut.onnx");
    expect_one_line(command + "text.onnx", "text.onnx");
  }
}

TEST_F(ModelProgram, SaysWhatIsWrongInOneLine) {
  expect_one_line("inspekt x.onnx", "did you mean inspect?");
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
