#include "participant/predictor/served_graph.h"

#include <gtest/gtest.h>

#include "common/codec/edge_copy.h"
#include "common/edge/edge_graph.h"
#include "common/learn/network.h"
#include "tests/predictor/models.h"

namespace tributary::predictor {
namespace {

model::Graph quantised(const std::string& zoo, std::int64_t opset) {
  model::Graph graph = model::make_zoo_model(zoo, 5);
  graph.opset = opset;
  return edge::edge_graph(graph, codec::encode_edge_copy(graph.parameters(), {}, {}));
}

TEST(ServedGraph, AnEdgeModelsWeightsAreItsEdgeCopysBitForBit) {
  for (const std::int64_t opset : {17, 12}) {
    for (const char* zoo : {"2nn", "cnn"}) {
      SCOPED_TRACE(std::string(zoo) + " opset " + std::to_string(opset));
      model::Graph source = model::make_zoo_model(zoo, 5);
      const auto copy = codec::encode_edge_copy(source.parameters(), {}, {});
      const model::Graph served = with_float_weights(quantised(zoo, opset));
      for (const auto& node : served.nodes) EXPECT_NE(node.op, "DequantizeLinear");
      const auto values = served.parameters();
      ASSERT_EQ(values.layout().size(), copy.values.layout().size());
      for (const auto& spec : copy.values.layout().tensors()) {
        const auto* mine = values.layout().find(spec.name);
        ASSERT_NE(mine, nullptr) << spec.name;
        const auto expected = copy.values.tensor(spec), got = values.tensor(*mine);
        EXPECT_TRUE(std::equal(expected.begin(), expected.end(), got.begin())) << spec.name;
      }
    }
  }
}

TEST(ServedGraph, APlainModelStaysAsItIs) {
  const model::Graph graph = model::make_zoo_model("2nn", 1);
  EXPECT_EQ(with_float_weights(graph), graph);
}

}  // namespace
}  // namespace tributary::predictor
