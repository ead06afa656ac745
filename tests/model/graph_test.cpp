#include "common/model/graph.h"

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/model/zoo.h"

namespace tributary::model {
namespace {

const GraphLimits kLimits;

// x [n, 3] -> MatMul(w [3, 2]) -> Add(b) -> y
Graph small_graph() {
  Graph graph;
  graph.name = "small";
  graph.inputs.push_back({"x", DType::Float32, {-1, 3}});
  graph.outputs.push_back({"y", DType::Float32, {-1, 2}});
  const std::vector<float> w{1, 2, 3, 4, 5, 6}, b{7, 8};
  graph.initializers.emplace("w", Tensor::floats({3, 2}, w));
  graph.initializers.emplace("b", Tensor::floats({2}, b));
  graph.nodes.push_back({"multiply", "MatMul", {"x", "w"}, {"xw"}, {}});
  graph.nodes.push_back({"shift", "Add", {"xw", "b"}, {"y"}, {}});
  return graph;
}

std::string refusal(const Bytes& bytes, const GraphLimits& limits = kLimits) {
  try {
    Graph::parse(bytes, "m.onnx", limits);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Graph, WritingAndReadingGivesTheSameBytes) {
  for (const char* model : {"2nn", "lenet"}) {
    const Bytes once = make_zoo_model(model, 1).serialize();
    EXPECT_EQ(Graph::parse(once, model).serialize(), once) << model;
  }
}

TEST(Graph, MetadataSurvivesTheRoundTrip) {
  Graph graph = small_graph();
  graph.metadata["tributary.exits"] = "y";
  EXPECT_EQ(Graph::parse(graph.serialize(), "m").metadata, graph.metadata);
}

TEST(Graph, ParametersAreFoundWithTheirRolesAndChannels) {
  const LayoutPtr layout = small_graph().layout();
  ASSERT_EQ(layout->tensors().size(), 2U);
  const TensorSpec& w = *layout->find("w");
  EXPECT_EQ(w.role, Role::Weight);
  EXPECT_EQ(w.channels, 2U);
  EXPECT_EQ(w.channel_stride, 1U);
  EXPECT_EQ(layout->find("b")->role, Role::Vector);
}

TEST(Graph, TheChannelAxisFollowsATransposedWeight) {
  Graph graph = small_graph();
  const std::vector<float> wt{1, 3, 5, 2, 4, 6};
  graph.initializers.at("w") = Tensor::floats({2, 3}, wt);
  graph.nodes.insert(graph.nodes.begin(),
                     {"turn", "Transpose", {"w"}, {"wt"}, {{"perm", std::vector<std::int64_t>{1, 0}}}});
  graph.nodes[1].inputs[1] = "wt";
  const LayoutPtr layout = graph.layout();
  const TensorSpec& w = *layout->find("w");
  EXPECT_EQ(w.channels, 2U);
  EXPECT_EQ(w.channel_stride, 3U);
}

TEST(Graph, FrozenInitialisersAreNoParameters) {
  Graph graph = small_graph();
  graph.metadata["tributary.frozen"] = "b";
  EXPECT_EQ(graph.layout()->find("b"), nullptr);
}

TEST(Graph, MasksWithInfinitiesAreNoParameters) {
  Graph graph = small_graph();
  const std::vector<float> mask{0, -std::numeric_limits<float>::infinity()};
  graph.initializers.at("b") = Tensor::floats({2}, mask);
  EXPECT_EQ(graph.layout()->find("b"), nullptr);
}

TEST(Graph, ParametersAreWrittenBack) {
  Graph graph = small_graph();
  ParameterSet set = graph.parameters();
  set.tensor(*set.layout().find("b"))[0] = 42;
  graph.set_parameters(set);
  EXPECT_EQ(graph.initializers.at("b").as<float>()[0], 42);
  EXPECT_THROW(make_zoo_model("2nn", 1).set_parameters(set), Error);
}

TEST(Graph, NodesOutOfOrderAreNotWritten) {
  Graph graph = small_graph();
  std::swap(graph.nodes[0], graph.nodes[1]);
  EXPECT_THROW(graph.serialize(), Error);
}

TEST(Graph, AnUnknownOperatorIsRefusedByName) {
  Graph graph = small_graph();
  graph.nodes[0].op = "Det";
  graph.nodes[0].inputs = {"x"};
  const std::string message = refusal(graph.serialize());
  EXPECT_NE(message.find("m.onnx"), std::string::npos) << message;
  EXPECT_NE(message.find("Det"), std::string::npos) << message;
}

TEST(Graph, AnOpsetOutsideTheRangeIsRefused) {
  Graph graph = small_graph();
  graph.opset = 8;
  EXPECT_NE(refusal(graph.serialize()).find("opset 8"), std::string::npos);
}

TEST(Graph, ATruncatedFileIsRefusedAtEveryLength) {
  const Bytes whole = small_graph().serialize();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_NE(refusal(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length))), "accepted") << length;
  }
}

TEST(Graph, ParametersThatWereDroppedCanBeSetAgain) {
  Graph graph = small_graph();
  const Graph before = graph;
  const ParameterSet parameters = graph.parameters();
  graph.drop_parameters();
  EXPECT_EQ(graph.layout()->digest(), before.layout()->digest());
  graph.set_parameters(parameters);
  EXPECT_EQ(graph, before);
}

TEST(Graph, LimitsAreHeld) {
  GraphLimits few;
  few.max_parameters = 7;
  EXPECT_NE(refusal(small_graph().serialize(), few).find("parameters"), std::string::npos);
  GraphLimits one_node;
  one_node.max_nodes = 1;
  EXPECT_NE(refusal(small_graph().serialize(), one_node).find("nodes"), std::string::npos);
}

TEST(Graph, AnAttributeOfTheWrongTypeIsNamed) {
  Node node{"n", "Gemm", {}, {}, {{"transB", 1.0F}}};
  EXPECT_THROW(static_cast<void>(node.integer("transB", 0)), Error);
  EXPECT_EQ(node.integer("transA", 5), 5);
}

}  // namespace
}  // namespace tributary::model
