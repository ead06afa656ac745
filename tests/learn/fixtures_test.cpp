// Models that torch.onnx.export wrote (tests/data/models/export.py): they load, predict what PyTorch and ONNX Runtime
// predict, and train.

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/base/files.h"
#include "common/learn/training.h"
#include "tests/learn/cases.h"
#include "tests/learn/ort.h"

namespace tributary::learn::testing {
namespace {

struct Fixture {
  std::string file;   // without .onnx
  std::string model;  // its name in expected.json
  // ONNX Runtime would draw dropout or use batch statistics in a model exported in training mode.
  bool comparable;
};

const std::vector<Fixture> kFixtures{
    {"residual_training", "residual", false},
    {"residual_eval", "residual", true},
    {"lstm_training", "lstm", true},
    {"lstm_eval", "lstm", true},
    {"gru_training", "gru", true},
    {"transformer_training", "transformer", false},
    {"transformer_eval", "transformer", true},
};

const Path kFolder = TRIBUTARY_TEST_MODELS;

model::Graph load(const Fixture& fixture) {
  return model::Graph::load(kFolder / (fixture.file + ".onnx"));
}

// The inputs of export.py: numbers or tokens.
model::Tensor examples(const model::Graph& graph, std::int64_t count) {
  const auto& input = graph.example_input();
  Ints shape = input.shape;
  shape[0] = count;
  std::int64_t size = 1;
  for (const auto dimension : input.shape) size *= std::max<std::int64_t>(dimension, 1);
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t j = 0; j < size; ++j)
      values.push_back(input.type == model::DType::Int64 ? static_cast<float>((i + (7 + i) * j) % 50)
                                                         : static_cast<float>(std::sin(static_cast<double>((i + 1) * j))));
  }
  return as(input.type, floats(shape, values));
}

model::Tensor predicted(const model::Graph& graph, const model::Tensor& input) {
  const auto features = as(model::DType::Float32, input);
  const auto output = Network::compile(graph)->predict(graph.parameters(), features.as<float>(),
                                                       static_cast<std::size_t>(input.shape[0]));
  return floats(output.shape, output.values);
}

TEST(Fixtures, EveryModelOfTheFolderIsTested) {
  std::set<std::string> tested, present;
  for (const auto& fixture : kFixtures) tested.insert(fixture.file + ".onnx");
  for (const auto& name : RealFiles().list(kFolder))
    if (name.ends_with(".onnx")) present.insert(name);
  EXPECT_EQ(tested, present);
}

TEST(Fixtures, PredictWhatPyTorchPredicts) {
  const auto expected = nlohmann::json::parse(read_text_file(kFolder / "expected.json"));
  for (const auto& fixture : kFixtures) {
    SCOPED_TRACE(fixture.file);
    const auto graph = load(fixture);
    std::vector<float> values;
    for (const auto& row : expected.at(fixture.model))
      for (const auto& value : row) values.push_back(value.get<float>());
    const auto ours = predicted(graph, examples(graph, 3));
    EXPECT_EQ(difference(ours, floats({3, static_cast<std::int64_t>(values.size() / 3)}, values), 1e-4), "");
  }
}

TEST(Fixtures, PredictWhatOnnxRuntimePredictsAtTwoBatchSizes) {
  if (const std::string reason = why_no_ort(); !reason.empty()) GTEST_SKIP() << reason;
  std::vector<OrtCase> asked;
  std::vector<model::Tensor> ours;
  std::vector<std::string> names;
  for (const auto& fixture : kFixtures) {
    if (!fixture.comparable) continue;
    const auto graph = load(fixture);
    for (const std::int64_t batch : {1, 5}) {
      const auto input = examples(graph, batch);
      asked.push_back({read_file(kFolder / (fixture.file + ".onnx"), 1 << 20), {{graph.inputs[0].name, input}}});
      ours.push_back(predicted(graph, input));
      names.push_back(fixture.file + ", batch of " + std::to_string(batch));
    }
  }
  const auto results = run_on_ort(asked);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    SCOPED_TRACE(names[i]);
    ASSERT_EQ(results[i].error, "");
    EXPECT_EQ(difference(ours[i], results[i].outputs.at(0), 1e-4), "");
  }
}

// Tells `count` examples apart by heart.
TEST(Fixtures, TrainUntilTheLossFalls) {
  for (const auto& fixture : kFixtures) {
    SCOPED_TRACE(fixture.file);
    const auto graph = load(fixture);
    const auto network = Network::compile(graph);
    constexpr std::int64_t kCount = 12;
    const auto input = as(model::DType::Float32, examples(graph, kCount));
    std::vector<float> labels;
    for (std::int64_t i = 0; i < kCount; ++i) labels.push_back(static_cast<float>(i % 3));
    const Ints shape(input.shape.begin() + 1, input.shape.end());
    const auto seen =
        data::whole(data::in_memory(shape, {input.as<float>().begin(), input.as<float>().end()}, labels, 4));
    auto parameters = graph.parameters();
    RandomStream random(1, "shuffle");
    const auto train_once = [&](double epochs) {
      const TrainingPlan plan{.learning_rate = 0.1, .momentum = 0.9, .clip_norm = 1, .batch_size = 4, .epochs = epochs};
      return train(*network, parameters, seen, plan, 0, random, SystemClock());
    };
    const auto first = train_once(1), last = (train_once(20), train_once(1));
    EXPECT_TRUE(last.finite);
    EXPECT_LT(last.loss, 0.7 * first.loss);
  }
}

}  // namespace
}  // namespace tributary::learn::testing
