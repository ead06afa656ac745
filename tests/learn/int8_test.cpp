// Quantised graphs on integer kernels against the same graphs in float32.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/learn/eager.h"
#include "common/learn/int8_fusion.h"
#include "tests/learn/graph_maker.h"

namespace tributary::learn {
namespace {

using model::DType;
using model::Graph;
using testing::as;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::floats;
using testing::GraphMaker;
using ::testing::HasSubstr;
using testing::Ints;
using ::testing::Not;
using testing::scalar;
using testing::uniform;

model::Tensor zero_point(float level) {
  return as(DType::UInt8, scalar(level));
}

// A graph that quantises x to `levels`, and has `op` with an int8 weight W, scales per channel, and an int32 bias.
struct Quantised {
  std::string op = "Gemm";
  Ints input = {-1, 12};
  Ints weight = {7, 12};
  std::int64_t axis = 0;
  float x_zero = 0;
  bool relu = true, levels_out = true;
  std::map<std::string, model::Attribute> attributes = {{"transB", std::int64_t{1}}};

  std::size_t channels() const { return static_cast<std::size_t>(weight[static_cast<std::size_t>(axis)]); }

  GraphMaker maker() const {
    const Ints vector{static_cast<std::int64_t>(channels())};
    const float scale = 1.0F / 64;
    GraphMaker made(input);
    made.value("xs", scalar(scale)).value("xz", zero_point(x_zero));
    made.value("W_q", as(DType::Int8, uniform(weight, 1, -127, 127)));
    const auto scales = uniform(vector, 2, 0.001, 0.004);
    made.value("ws", scales);
    std::vector<float> bias_scales;
    for (const float one : scales.as<float>()) bias_scales.push_back(one * scale);
    made.value("b_q", as(DType::Int32, uniform(vector, 3, -9000, 9000))).value("bs", floats(vector, bias_scales));
    made.value("ys", scalar(0.02F)).value("yz", zero_point(relu ? 0 : 117));
    made.node("x_q", "QuantizeLinear", {"x", "xs", "xz"}).node("xd", "DequantizeLinear", {"x_q", "xs", "xz"});
    made.node("W", "DequantizeLinear", {"W_q", "ws"}, {{"axis", axis}});
    made.node("b", "DequantizeLinear", {"b_q", "bs"}, {{"axis", std::int64_t{0}}});
    std::vector<std::string> inputs{"xd", "W"};
    if (op != "MatMul") inputs.emplace_back("b");
    made.node("p", op, inputs, attributes);
    return made;
  }

  Graph graph() const {
    GraphMaker made = maker();
    std::string last = "p";
    if (relu) made.node("r", "Relu", {last}), last = "r";
    if (levels_out) {
      made.node("q", "QuantizeLinear", {last, "ys", "yz"}).node("y", "DequantizeLinear", {"q", "ys", "yz"});
      last = "y";
    }
    return made.output(last, op == "Conv" ? Ints{-1, -1, -1, -1} : Ints{-1, -1});
  }
};

std::vector<std::string> operators_of(const Graph& graph) {
  std::vector<std::string> operators;
  for (const auto& node : graph.nodes) operators.push_back(node.op);
  return operators;
}

class Int8 : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!runs_int8()) GTEST_SKIP() << "this processor has no VNNI";
  }

  // The fused graph has `op` and gives what the plain one gives, but for one step at most.
  void expect_same(const Graph& graph, const std::string& op, float step, std::size_t examples = 3) {
    const Graph fused = fuse_int8(graph);
    EXPECT_THAT(operators_of(fused), Contains(op));
    Ints shape = graph.inputs[0].shape;
    shape[0] = static_cast<std::int64_t>(examples);
    const auto x = uniform(shape, 9, -1, 3);
    const auto plain = compile_eager(graph)->predict(graph.parameters(), x.as<float>(), examples);
    const auto integers = compile_eager(fused, graph.layout())->predict(graph.parameters(), x.as<float>(), examples);
    ASSERT_EQ(integers.shape, plain.shape);
    std::size_t different = 0;
    float spread = 0;
    for (std::size_t i = 0; i < plain.values.size(); ++i) {
      ASSERT_NEAR(integers.values[i], plain.values[i], step * 1.001F) << i;
      different += std::abs(integers.values[i] - plain.values[i]) > 1e-3F;
      spread = std::max(spread, std::abs(plain.values[i]));
    }
    EXPECT_GT(spread, 10 * step);
    EXPECT_LE(different * 20, plain.values.size());
  }
};

constexpr float kStep = 0.02F;
constexpr float kFloatStep = 1e-3F;

TEST_F(Int8, GemmOfEitherOrderAndMatMulAgreeWithFloat32) {
  expect_same(Quantised{}.graph(), kInt8Dense, kStep);
  expect_same(Quantised{.weight = {12, 7}, .axis = 1, .attributes = {}}.graph(), kInt8Dense, kStep);
  expect_same(Quantised{.op = "MatMul", .weight = {12, 7}, .axis = 1, .attributes = {}}.graph(), kInt8Dense, kStep);
  expect_same(Quantised{.op = "MatMul", .input = {-1, 5, 12}, .weight = {12, 7}, .axis = 1, .attributes = {}}.graph(),
              kInt8Dense, kStep);
}

TEST_F(Int8, ZeroLevelsOfInputAndOutputAreKept) {
  expect_same(Quantised{.x_zero = 64}.graph(), kInt8Dense, kStep);
  expect_same(Quantised{.x_zero = 64, .relu = false}.graph(), kInt8Dense, kStep);
  expect_same(Quantised{.relu = false, .levels_out = false}.graph(), kInt8Dense, kFloatStep);
  expect_same(Quantised{.x_zero = 30, .levels_out = false}.graph(), kInt8Dense, kFloatStep);
}

TEST_F(Int8, ConvolutionsOfEveryGeometryAgreeWithFloat32) {
  const auto list = [](Ints values) { return model::Attribute(std::move(values)); };
  const std::vector<std::map<std::string, model::Attribute>> geometries{
      {},
      {{"pads", list({1, 1, 1, 1})}},
      {{"pads", list({0, 1, 2, 1})}, {"strides", list({2, 1})}},
      {{"dilations", list({2, 2})}, {"pads", list({2, 2, 2, 2})}}};
  for (const auto& attributes : geometries)
    for (const float zero : {0.0F, 64.0F}) {
      Quantised conv{.op = "Conv", .input = {-1, 3, 9, 8}, .weight = {8, 3, 3, 3}, .x_zero = zero};
      conv.attributes = attributes;
      expect_same(conv.graph(), kInt8Conv, kStep);
      conv.levels_out = false;
      expect_same(conv.graph(), kInt8Conv, kFloatStep, 1);
    }
}

TEST_F(Int8, GroupsOfAConvolutionAreKept) {
  Quantised conv{.op = "Conv", .input = {-1, 4, 6, 6}, .weight = {8, 2, 3, 3}, .x_zero = 64};
  conv.attributes = {{"group", std::int64_t{2}}, {"pads", Ints{1, 1, 1, 1}}};
  expect_same(conv.graph(), kInt8Conv, kStep);
}

TEST_F(Int8, DynamicProductsTakeTheLevelsOfTheirBatch) {
  GraphMaker maker({-1, 12});
  maker.value("W_q", as(DType::Int8, uniform({7, 12}, 1, -127, 127))).value("ws", uniform({7}, 2, 0.001, 0.004));
  maker.value("b", uniform({7}, 3));
  maker.node("x_q", "DynamicQuantizeLinear", {"x"});
  maker.graph().nodes.back().outputs = {"x_q", "xs", "xz"};
  maker.node("xd", "DequantizeLinear", {"x_q", "xs", "xz"});
  maker.node("W", "DequantizeLinear", {"W_q", "ws"}, {{"axis", std::int64_t{0}}});
  maker.node("p", "Gemm", {"xd", "W", "b"}, {{"transB", std::int64_t{1}}}).node("y", "Relu", {"p"});
  const Graph graph = maker.output("y");
  expect_same(graph, kInt8Dense, kFloatStep);
  EXPECT_EQ(graph.layout()->size(), 7U);  // the bias is the caller's in both forms
}

TEST_F(Int8, PoolingAndFlatteningStayIntegers) {
  Quantised conv{.op = "Conv", .input = {-1, 3, 9, 8}, .weight = {8, 3, 3, 3}, .attributes = {}};
  GraphMaker maker = conv.maker();
  maker.node("r", "Relu", {"p"}).node("q", "QuantizeLinear", {"r", "ys", "yz"});
  maker.node("d", "DequantizeLinear", {"q", "ys", "yz"});
  maker.node("m", "MaxPool", {"d"},
             {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}, {"pads", Ints{0, 0, 1, 0}}});
  maker.node("mq", "QuantizeLinear", {"m", "ys", "yz"}).node("md", "DequantizeLinear", {"mq", "ys", "yz"});
  maker.node("f", "Flatten", {"md"}).node("fq", "QuantizeLinear", {"f", "ys", "yz"});
  maker.node("y", "DequantizeLinear", {"fq", "ys", "yz"});
  const Graph graph = maker.output("y");
  expect_same(graph, kInt8MaxPool, kStep);
  EXPECT_THAT(operators_of(fuse_int8(graph)), Contains("Flatten"));
}

TEST_F(Int8, AValueThatIsReadElsewhereStaysFloat32) {
  GraphMaker maker = Quantised{}.maker();
  maker.node("r", "Relu", {"p"}).node("q", "QuantizeLinear", {"r", "ys", "yz"});
  maker.node("d", "DequantizeLinear", {"q", "ys", "yz"}).node("y", "Add", {"d", "r"});
  expect_same(maker.output("y"), kInt8Dense, 0.021F);
}

TEST_F(Int8, WeightsWithZeroPointsOrOfOtherTypesAreLeftToFloat32) {
  Graph graph = Quantised{}.graph();
  graph.initializers["wz"] = as(DType::Int8, uniform({7}, 5, 1, 5));
  for (auto& node : graph.nodes)
    if (node.outputs[0] == "W") node.inputs.emplace_back("wz");
  EXPECT_THAT(operators_of(fuse_int8(graph)), Not(Contains(kInt8Dense)));
}

TEST_F(Int8, LeavesAGraphWhoseWeightsAreStillFloat32ToTraining) {
  GraphMaker maker({-1, 1, 4, 4});
  maker.value("V", uniform({2, 1, 3, 3}, 1)).value("s", scalar(0.02F)).value("z", zero_point(0));
  maker.node("c", "Conv", {"x", "V"}).node("q", "QuantizeLinear", {"c", "s", "z"});
  maker.node("d", "DequantizeLinear", {"q", "s", "z"});
  maker.node("m", "MaxPool", {"d"}, {{"kernel_shape", Ints{2, 2}}}).node("mq", "QuantizeLinear", {"m", "s", "z"});
  maker.node("md", "DequantizeLinear", {"mq", "s", "z"}).node("y", "Flatten", {"md"});
  const Graph graph = maker.output("y");
  EXPECT_EQ(fuse_int8(graph), graph);
  auto parameters = graph.parameters();
  const std::vector<float> features(16, 0.5F), labels{0};
  std::vector<float> gradient(18);
  RandomStream random(1, "test");
  EXPECT_NO_THROW(
      Network::compile(graph)->gradient(parameters, {features, labels, 1}, Loss::CrossEntropy, random, gradient));
}

TEST_F(Int8, CannotBeTrained) {
  const Graph graph = Quantised{}.graph();
  const auto network = compile_eager(fuse_int8(graph), graph.layout());
  auto parameters = graph.parameters();
  const std::vector<float> features(12, 0.5F), labels{0};
  RandomStream random(1, "test");
  try {
    network->gradient(parameters, {features, labels, 1}, Loss::CrossEntropy, random, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("integers cannot be trained"));
  }
}

TEST_F(Int8, RefusesInputsThatDoNotFit) {
  Graph graph = Quantised{.input = {-1, -1}}.graph();
  const std::vector<float> features(13);
  EXPECT_THROW(compile_eager(fuse_int8(graph), graph.layout())->predict(graph.parameters(), features, 1), Error);
  Graph conv = Quantised{.op = "Conv", .input = {-1, 3, 2, 2}, .weight = {8, 3, 3, 3}, .attributes = {}}.graph();
  const std::vector<float> small(12);
  EXPECT_THROW(compile_eager(fuse_int8(conv), conv.layout())->predict(conv.parameters(), small, 1), Error);
}

TEST(Int8Names, CannotComeFromAFile) {
  for (const char* op : {kInt8Conv, kInt8Dense, kInt8MaxPool})
    EXPECT_THAT(model::supported_operators(), Not(Contains(op)));
}

TEST(StraightThrough, GradientsPassRoundingInsideTheRangeAndStopOutside) {
  // y = W dq(q(x)), with levels from -1 to 1: what lies outside has no gradient.
  GraphMaker maker({-1, 3});
  maker.value("V", floats({3, 3}, {1, 0, 0, 0, 1, 0, 0, 0, 1}));
  maker.value("s", scalar(2.0F / 255)).value("z", zero_point(128));
  maker.node("v", "MatMul", {"x", "V"}).node("q", "QuantizeLinear", {"v", "s", "z"});
  maker.node("y", "DequantizeLinear", {"q", "s", "z"});
  const Graph graph = maker.output("y", {-1, 3});
  auto parameters = graph.parameters();
  const std::vector<float> features{0.3F, -0.6F, 4}, labels{0, 0, 0};
  std::vector<float> gradient(9);
  RandomStream random(1, "test");
  compile_eager(graph)->gradient(parameters, {features, labels, 1}, Loss::MeanSquaredError, random, gradient);
  // d/dV[i][j] = 2/3 y[j] x[i] for j = 0, 1 and nothing for j = 2.
  EXPECT_NEAR(gradient[0], 2.0 / 3 * 0.3 * 0.3, 2e-3);
  EXPECT_NEAR(gradient[4], 2.0 / 3 * 0.6 * 0.6, 3e-3);
  EXPECT_EQ(gradient[8], 0);
}

}  // namespace
}  // namespace tributary::learn
