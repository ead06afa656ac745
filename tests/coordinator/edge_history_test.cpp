#include "coordinator/edge_history.h"

#include <gtest/gtest.h>

#include "common/base/random.h"
#include "common/codec/edge_delta.h"

namespace tributary::coordinator {
namespace {

class EdgeHistoryTest : public ::testing::Test {
 protected:
  // Publishes a copy of the model, moved by so much; its digest.
  Digest publish(EdgeHistory& history, float move = 0.001F) {
    for (float& value : master_.values()) value += move * static_cast<float>(random_.normal());
    auto copy = codec::encode_edge_copy(master_, {}, {.previous_scales = scales_});
    scales_ = copy.scales;
    const Digest digest = sha256(copy.blob);
    history.add(digest, std::make_shared<const wire::FramedBlob>(copy.blob, 1000));
    blobs_[digest] = std::move(copy.blob);
    return digest;
  }
  void expect_leads_to(const EdgeHistory& history, const Digest& base, const Digest& copy) {
    const EdgeDelta& delta = history.deltas().at(base);
    const Bytes bytes = delta.blob->blob();
    EXPECT_EQ(sha256(bytes), delta.digest);
    EXPECT_LT(bytes.size(), blobs_.at(copy).size());
    EXPECT_EQ(codec::rebuild_edge_copy(bytes, blobs_.at(base), layout_), blobs_.at(copy));
  }

  model::LayoutPtr layout_ = std::make_shared<const model::ParameterLayout>(
      std::vector<model::TensorSpec>{{"w", {40, 200}, model::Role::Weight, 0, 0, 40, 200}});
  RandomStream random_{1, "model"};
  model::ParameterSet master_ = [this] {
    model::ParameterSet made(layout_);
    for (float& value : made.values()) value = static_cast<float>(random_.normal());
    return made;
  }();
  std::vector<std::vector<float>> scales_;
  std::map<Digest, Bytes> blobs_;
};

TEST_F(EdgeHistoryTest, ThereIsADifferenceToEachOfTheLastCopies) {
  EdgeHistory history(layout_, 2, 1);
  const Digest first = publish(history), second = publish(history), third = publish(history);
  EXPECT_TRUE(history.has(first) && history.has(second));
  EXPECT_FALSE(history.has(third)) << "the present one";
  history.make({first});
  EXPECT_EQ(history.deltas().size(), 1u);
  history.make({first, second});
  expect_leads_to(history, first, third);
  expect_leads_to(history, second, third);
}

TEST_F(EdgeHistoryTest, AnOlderCopyIsForgottenAndSoAreTheDifferencesToTheLast) {
  EdgeHistory history(layout_, 2, 1);
  const Digest first = publish(history), second = publish(history), third = publish(history);
  history.make({first, second});
  const Digest fourth = publish(history);
  EXPECT_FALSE(history.has(first));
  EXPECT_TRUE(history.deltas().empty());
  history.make({third});
  expect_leads_to(history, third, fourth);
}

TEST_F(EdgeHistoryTest, ADifferenceThatSavesNothingIsNotOffered) {
  EdgeHistory history(layout_, 2, 1);
  const Digest first = publish(history);
  publish(history, 3);
  history.make({first});
  EXPECT_TRUE(history.deltas().empty());
}

TEST_F(EdgeHistoryTest, WhatIsKeptTakesNoMoreThanHalfTheModelOr16MiB) {
  EdgeHistory history(layout_, 64, 1);
  // Of 6 MiB each: two of them fit behind the present one.
  const auto large = std::make_shared<const wire::FramedBlob>(Bytes(6u << 20), 256u << 10);
  std::vector<Digest> digests;
  for (int copy = 0; copy < 5; ++copy) {
    digests.push_back(sha256(as_bytes(std::to_string(copy))));
    history.add(digests.back(), large);
  }
  EXPECT_FALSE(history.has(digests[0]) || history.has(digests[1]));
  EXPECT_TRUE(history.has(digests[2]) && history.has(digests[3]));
}

TEST_F(EdgeHistoryTest, WithoutMemoryThereIsNoDifference) {
  EdgeHistory history(layout_, 0, 1);
  const Digest first = publish(history);
  publish(history);
  EXPECT_FALSE(history.has(first));
}

}  // namespace
}  // namespace tributary::coordinator
