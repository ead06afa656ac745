// Models and data that are broken, hostile or only unusual: each gets a message of one line, or the right result.

#include <functional>

#include "common/model/zoo.h"
#include "tests/edge/model_process.h"

namespace tributary::edge {
namespace {

using model::Graph;
using testing::Outcome;

const std::string kData = " --data.format=csv --data.file=points.csv";

// Protocol buffers by hand: what no writer of ours writes.
std::string number(unsigned field, unsigned value) {
  return {static_cast<char>(field << 3), static_cast<char>(value)};
}
std::string bytes(unsigned field, const std::string& content) {
  return std::string{static_cast<char>(field << 3 | 2), static_cast<char>(content.size())} + content;
}

// y = x w, where w lies in another file.
std::string with_external_data() {
  const std::string location = bytes(13, bytes(1, "location") + bytes(2, "../secret"));
  const std::string weight = number(1, 2) + number(1, 2) + number(2, 1) + bytes(8, "w") + location + number(14, 1);
  const auto value = [](const std::string& name) {
    const std::string shape = bytes(1, number(1, 1)) + bytes(1, number(1, 2));
    return bytes(1, name) + bytes(2, bytes(1, number(1, 1) + bytes(2, shape)));
  };
  const std::string node = bytes(1, "x") + bytes(1, "w") + bytes(2, "y") + bytes(4, "MatMul");
  const std::string graph =
      bytes(1, node) + bytes(2, "outside") + bytes(5, weight) + bytes(11, value("x")) + bytes(12, value("y"));
  return number(1, 8) + bytes(7, graph) + bytes(8, number(2, 17));
}

std::string serialized(const Graph& graph) {
  const Bytes made = graph.serialize();
  return {reinterpret_cast<const char*>(made.data()), made.size()};
}

std::string with_operator(std::string file, const std::string& from, const std::string& to) {
  file.replace(file.find(from), from.size(), to);
  return file;
}

struct Broken {
  std::string name;
  std::function<std::string()> content;
  std::string part;  // of the message
};

class HardInputs : public testing::ModelProcess {
 protected:
  void SetUp() override {
    ModelProcess::SetUp();
    write_examples("points.csv");
  }

  // Every command that reads a model, on `file`.
  static std::vector<std::string> readers_of(const std::string& file) {
    return {"inspect " + file,
            "evaluate " + file + kData,
            "predict " + file + kData,
            "train " + file + " --out x.onnx" + kData,
            "fold " + file + " --out x.onnx",
            "prune " + file + " --out x.onnx",
            "share " + file + " --out x.onnx" + kData,
            "quantize " + file + " --out x.onnx" + kData,
            "optimize " + file + " --out x.onnx --target-bytes 1000" + kData,
            "distil " + file + " mlp:2-2 --out x.onnx" + kData,
            "compare " + file + kData};
  }

  void train(const Graph& graph, const std::string& file) {
    graph.save(folder_ / "raw.onnx");
    const Outcome made = run("train raw.onnx --training.epochs=10 --training.batch_size=4 --out " + file + kData);
    ASSERT_EQ(made.exit_code, 0) << made.output;
    ASSERT_GE(accuracy(file + kData), 0.95);
  }
  // Each way of making the model smaller leaves it right.
  void expect_small_forms_right(const std::string& file) {
    for (const std::string& way : std::vector<std::string>{
             "fold", "quantize --scheme=weights", "quantize --scheme=dynamic", "quantize --scheme=static" + kData,
             "quantize --scheme=aware --weights=int4" + kData, "prune --sparsity=0.3", "prune --channels=0.9"}) {
      const Outcome made = run(way + " " + file + " --out small.onnx");
      EXPECT_EQ(made.exit_code, 0) << way << ": " << made.output;
      EXPECT_GE(accuracy("small.onnx" + kData), 0.9) << way;
    }
  }
};

TEST_F(HardInputs, BrokenModelsAreRefusedInOneLineByEveryCommand) {
  const std::string whole = serialized(model::make_zoo_model("mlp:2-8-2", 1));
  const std::vector<Broken> all{
      {"not ONNX", [] { return "this is no model\n"; }, "model.onnx"},
      {"empty", [] { return ""; }, "model.onnx"},
      {"truncated", [&] { return whole.substr(0, whole.size() * 2 / 3); }, "model.onnx"},
      {"external data", with_external_data, "keeps its data in another file"},
      {"an unknown operator", [&] { return with_operator(whole, "Relu", "Rexu"); }, "Rexu"},
  };
  for (const Broken& one : all) {
    write_text_file(folder_ / "model.onnx", one.content());
    for (const std::string& command : readers_of("model.onnx")) {
      SCOPED_TRACE(one.name);
      expect_one_line(command, one.part);
    }
    EXPECT_FALSE(std::filesystem::exists(folder_ / "x.onnx")) << one.name;
  }
}

TEST_F(HardInputs, SharedWeightsStayRight) {
  Graph graph = model::make_zoo_model("resmlp:2-8x3-2", 1);
  for (auto& node : graph.nodes)
    if (node.name == "block3") node.inputs[1] = "block1.weight";
  graph.initializers.erase("block3.weight");
  train(graph, "shared.onnx");
  expect_small_forms_right("shared.onnx");
}

TEST_F(HardInputs, BranchesStayRight) {
  train(model::make_zoo_model("resmlp:2-8x2-2", 1), "branch.onnx");
  expect_small_forms_right("branch.onnx");
}

TEST_F(HardInputs, CalibrationOnNothingButZerosGivesAModelThatRuns) {
  std::string zeros = "a,b,class\n";
  for (int i = 0; i < 8; ++i) zeros += "0,0," + std::to_string(i % 2) + "\n";
  write_text_file(folder_ / "zeros.csv", zeros);
  train(model::make_zoo_model("mlp:2-8-2", 1), "float.onnx");
  for (const std::string method : {"min_max", "percentile", "mse", "entropy"}) {
    const Outcome made =
        run("quantize float.onnx --out small.onnx --data.format=csv --data.file=zeros.csv "
            "--calibration.method=" +
            method);
    EXPECT_EQ(made.exit_code, 0) << made.output;
    EXPECT_GE(accuracy("small.onnx" + kData), 0) << method;
    EXPECT_EQ(accuracy("small.onnx --data.format=csv --data.file=zeros.csv"), 0.5) << method;
  }
}

TEST_F(HardInputs, CalibrationWithoutDataSaysWhatToGive) {
  ASSERT_EQ(run("new mlp:2-8-2 --out float.onnx").exit_code, 0);
  expect_one_line("quantize float.onnx --out small.onnx", "scheme static needs examples to calibrate on");
  write_text_file(folder_ / "none.csv", "a,b,class\n");
  expect_one_line("quantize float.onnx --out small.onnx --data.format=csv --data.file=none.csv", "none.csv");
}

TEST_F(HardInputs, OpenDimensionsAreRightOrNamed) {
  Graph graph = model::make_zoo_model("mlp:2-8-2", 1);
  train(graph, "fixed.onnx");
  graph = Graph::load(folder_ / "fixed.onnx");
  graph.inputs.front().shape = {-1, -1};
  graph.save(folder_ / "open.onnx");
  EXPECT_EQ(accuracy("open.onnx" + kData), accuracy("fixed.onnx" + kData));
  for (const std::string& way :
       std::vector<std::string>{"fold", "quantize --scheme=dynamic", "quantize" + kData, "prune"})
    EXPECT_EQ(run(way + " open.onnx --out small.onnx").exit_code, 0) << way;
  expect_one_line("prune open.onnx --out small.onnx --channels=0.5", "open");
  graph.inputs.front().shape = {1, 2};
  graph.save(folder_ / "closed.onnx");
  for (const std::string command : {"evaluate closed.onnx", "train closed.onnx --out x.onnx"}) {
    const Outcome made = run(command + kData);
    EXPECT_TRUE(made.exit_code == 0 || std::count(made.output.begin(), made.output.end(), '\n') == 1) << made.output;
  }
}

}  // namespace
}  // namespace tributary::edge
