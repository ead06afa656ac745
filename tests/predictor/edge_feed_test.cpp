#include "participant/predictor/edge_feed.h"

#include <thread>

#include <gtest/gtest.h>

#include "common/codec/edge_copy.h"
#include "common/model/skeleton.h"
#include "tests/predictor/models.h"

namespace tributary::predictor {
namespace {

participant::ReceivedCopy copy_of(const model::Graph& graph, std::uint64_t made_by) {
  participant::ReceivedCopy copy;
  copy.made_by = made_by;
  copy.skeleton = std::make_shared<const Bytes>(model::pack_skeleton(graph));
  copy.model = sha256(*copy.skeleton);
  codec::EdgePlan plan;
  plan.sparsity = 0;
  copy.blob = std::make_shared<const Bytes>(codec::encode_edge_copy(graph.parameters(), {}, plan).blob);
  copy.digest = sha256(*copy.blob);
  return copy;
}

class EdgeFeedTest : public ::testing::Test {
 protected:
  EdgeFeedTest() { predictor_.declare("edge"); }
  void await(const std::string& version) {
    for (int i = 0; i < 200'000; ++i) {
      const auto now = predictor_.current("edge");
      if (now && now->version == version) return;
      std::this_thread::yield();
    }
    FAIL() << "version " << version << " did not come";
  }

  asio::io_context io_;
  Predictor predictor_{io_, {}, 16};
  EdgeFeed feed_{predictor_, "edge", 1, 1};
};

TEST_F(EdgeFeedTest, EveryNewCopyIsTakenIntoServiceOnTheSameEngine) {
  EXPECT_FALSE(predictor_.ready());
  feed_.offer(copy_of(testing::constant_model(1), 3));
  await("3");
  EXPECT_TRUE(predictor_.ready());
  const auto engine = predictor_.current("edge")->engine;
  feed_.offer(copy_of(testing::constant_model(2), 4));
  await("4");
  EXPECT_EQ(predictor_.current("edge")->engine, engine);
  EXPECT_NEAR(predictor_.current("edge")->values.values()[0], 2, 0.1);
}

TEST_F(EdgeFeedTest, ACopyThatCannotBeServedLeavesTheOneBefore) {
  feed_.offer(copy_of(testing::constant_model(1), 1));
  await("1");
  auto broken = copy_of(testing::constant_model(2), 2);
  broken.blob = std::make_shared<const Bytes>(Bytes(10));
  broken.digest = sha256(*broken.blob);
  feed_.offer(broken);
  feed_.offer(copy_of(testing::constant_model(3), 3));
  await("3");
}

}  // namespace
}  // namespace tributary::predictor
