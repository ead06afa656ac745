#include "participant/local_training.h"

#include <gmock/gmock.h>

#include "common/model/skeleton.h"
#include "tests/participant/by_hand.h"

namespace tributary::participant::testing {
namespace {

class LocalTrainingTest : public ::testing::Test {
 protected:
  TrainingTask task(const wire::Offer& offer) const {
    TrainingTask task;
    task.seed = offer.seed;
    task.round = offer.round;
    task.participant = "alice";
    task.plan.learning_rate = offer.plan.learning_rate;
    task.plan.batch_size = offer.plan.batch_size;
    task.plan.epochs = offer.plan.epochs;
    task.encoding = codec::UpdateEncoding::parse(offer.encoding);
    return task;
  }
  Learnt learn(const TrainingTask& task, const std::vector<float>& residual = {},
               const std::function<bool()>& stop = {}) {
    auto loan = workshop.borrow(sha256(published.skeleton), published.skeleton, {});
    return train_locally(loan.bench(), sha256(published.edge.blob), std::make_shared<const Bytes>(published.edge.blob),
                         some_examples(), task, residual, clock, stop);
  }

  Publication published{"mlp:4-8-2"};
  Workshop workshop;
  ManualClock clock;
};

TEST_F(LocalTrainingTest, UpdateAndResidualAreThoseMadeByHand) {
  const wire::Offer offer = published.offer(2);
  std::vector<float> residual;
  const Bytes expected = update_by_hand(published, offer, some_examples(), "alice", residual);
  const Learnt learnt = learn(task(offer));
  EXPECT_EQ(learnt.update, expected);
  EXPECT_EQ(learnt.residual, residual);
  const Bytes next = learn(task(offer), residual).update;
  EXPECT_EQ(next, update_by_hand(published, offer, some_examples(), "alice", residual));
}

TEST_F(LocalTrainingTest, EveryNameRoundAndSeedHasItsOwnStreams) {
  const TrainingTask plain = task(published.offer(2));
  TrainingTask other_name = plain, other_round = plain, other_seed = plain;
  other_name.participant = "bob";
  other_round.round = 3;
  other_seed.seed = 8;
  const Bytes update = learn(plain).update;
  EXPECT_EQ(learn(plain).update, update);
  for (const auto& other : {other_name, other_round, other_seed}) EXPECT_NE(learn(other).update, update);
}

TEST_F(LocalTrainingTest, AnEdgeCopyThatTheBenchHoldsIsNotDecodedAgain) {
  const TrainingTask same = task(published.offer(2));
  const Bytes first = learn(same).update;
  auto loan = workshop.borrow(sha256(published.skeleton), published.skeleton, {});
  const auto nothing = std::make_shared<const Bytes>();
  const auto again = [&](const Digest& name) {
    return train_locally(loan.bench(), name, nothing, some_examples(), same, {}, clock);
  };
  EXPECT_EQ(again(sha256(published.edge.blob)).update, first);
  EXPECT_THROW(again(sha256(as_bytes("another"))), Error);
  EXPECT_THROW(again(sha256(published.edge.blob)), Error) << "what could not be decoded left nothing behind";
}

TEST_F(LocalTrainingTest, ALosslessEncodingLeavesNoResidualAndSendsTheOldOne) {
  const TrainingTask lossless = task(published.offer(2, "float32"));
  const Learnt plain = learn(lossless);
  EXPECT_TRUE(plain.residual.empty());
  std::vector<float> old(published.graph.layout()->size(), 0.25f);
  const Learnt carried = learn(lossless, old);
  EXPECT_TRUE(carried.residual.empty());
  const auto layout = published.graph.layout();
  const auto a = codec::decode_update(plain.update, *layout), b = codec::decode_update(carried.update, *layout);
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_FLOAT_EQ(b[i], a[i] + 0.25f);
}

TEST_F(LocalTrainingTest, StopEndsItAtTheNextStep) {
  int steps = 0;
  const Learnt learnt = learn(task(published.offer(2)), {}, [&] { return ++steps > 3; });
  EXPECT_EQ(learnt.ending, Learnt::Ending::Stopped);
  EXPECT_EQ(learnt.training.steps, 3u);
  EXPECT_TRUE(learnt.update.empty());
}

TEST_F(LocalTrainingTest, AnEdgeCopyOfAnotherModelIsMalformed) {
  const Publication other("mlp:4-9-2");
  auto loan = workshop.borrow(sha256(published.skeleton), published.skeleton, {});
  EXPECT_THROW(train_locally(loan.bench(), sha256(other.edge.blob), std::make_shared<const Bytes>(other.edge.blob),
                             some_examples(), task(published.offer(1)), {}, clock),
               Error);
}

TEST_F(LocalTrainingTest, TheWorkshopKeepsOneNetworkForWhoeverComesNext) {
  const Digest model = sha256(published.skeleton);
  learn::Network* first = nullptr;
  {
    auto loan = workshop.borrow(model, published.skeleton, {});
    first = &loan.network();
    auto second = workshop.borrow(model, published.skeleton, {});
    EXPECT_NE(&second.network(), first) << "two at a time are two";
  }
  auto again = workshop.borrow(model, {}, {});  // not compiled: there is nothing to compile
  EXPECT_EQ(&again.network(), first);
}

TEST_F(LocalTrainingTest, AModelUsedLongAgoIsForgotten) {
  const Digest model = sha256(published.skeleton);
  { auto loan = workshop.borrow(model, published.skeleton, {}); }
  for (int hidden = 10; hidden < 14; ++hidden) {
    const Publication other("mlp:4-" + std::to_string(hidden) + "-2");
    auto loan = workshop.borrow(sha256(other.skeleton), other.skeleton, {});
  }
  EXPECT_THROW(workshop.borrow(model, {}, {}), Error);
}

TEST_F(LocalTrainingTest, TheWorkshopHoldsABlobOnceWhileAnybodyHasIt) {
  const Bytes bytes = to_bytes("an edge copy");
  const Digest digest = sha256(bytes);
  SharedBlob mine = workshop.share(digest, bytes), yours = workshop.share(digest, bytes);
  EXPECT_EQ(mine, yours);
  mine.reset();
  EXPECT_EQ(workshop.find(digest), yours);
  yours.reset();
  EXPECT_EQ(workshop.find(digest), nullptr);
}

TEST_F(LocalTrainingTest, AnOnlinePlanLearnsTheExamplesInTheirOrderOnceWhateverTheSeed) {
  TrainingTask plan = task(published.offer(2));
  plan.plan.online = true;
  plan.plan.epochs = 7;
  const Learnt first = learn(plan);
  EXPECT_EQ(first.training.examples, some_examples().size());
  plan.encoding = codec::UpdateEncoding::parse("float32");
  const Bytes update = learn(plan).update;
  plan.seed += 1;
  EXPECT_EQ(learn(plan).update, update);
}

TEST_F(LocalTrainingTest, AModelOfSeveralExitsIsLearntByHedgeBackpropagationAndItsWeightsTravelAsState) {
  Publication several{"odl:4-8x3-2"};
  auto loan = workshop.borrow(sha256(several.skeleton), several.skeleton, {});
  ASSERT_NE(loan.bench().exits, nullptr);
  TrainingTask plan = task(several.offer(2));
  plan.plan.online = true;
  plan.plan.batch_size = 1;
  plan.plan.hedge.beta = 0.5;
  plan.encoding = codec::UpdateEncoding::parse("float32");
  const auto learn_again = [&] {
    return train_locally(loan.bench(), sha256(several.edge.blob), std::make_shared<const Bytes>(several.edge.blob),
                         some_examples(), plan, {}, clock);
  };
  const Learnt hedged = learn_again();
  EXPECT_EQ(hedged.ending, Learnt::Ending::Complete);
  loan.bench().exits.reset();
  EXPECT_NE(hedged.update, learn_again().update) << "the ensemble's gradient leaves the weights alone";
}

// ------------------------------------------------------------------ through the rounding of edge copies

class ThroughTheRoundingTest : public LocalTrainingTest {
 protected:
  ThroughTheRoundingTest() {
    coarse.edge = codec::encode_edge_copy(coarse.graph.parameters(), {}, {.bits = 4, .sparsity = 0});
    plan = task(coarse.offer(2, "float32"));
    plan.rounding = codec::RoundingPlan{.bits = 4};
  }
  std::vector<float> learns() {
    auto loan = workshop.borrow(sha256(coarse.skeleton), coarse.skeleton, {});
    const Learnt learnt =
        train_locally(loan.bench(), sha256(coarse.edge.blob), std::make_shared<const Bytes>(coarse.edge.blob),
                      some_examples(), plan, {}, clock);
    EXPECT_EQ(learnt.ending, Learnt::Ending::Complete);
    return codec::decode_update(learnt.update, *coarse.graph.layout());
  }

  Publication coarse{"mlp:4-8-2"};
  TrainingTask plan;
};

TEST_F(ThroughTheRoundingTest, WhereTheWeightsStartWithinTheirStepsIsNotTakenForLearnt) {
  plan.plan.learning_rate = 0;
  EXPECT_THAT(learns(), ::testing::Each(0.0F));
}

// One step over all examples, by hand: the gradient is that of the edge copy, wherever the weights start in it.
TEST_F(ThroughTheRoundingTest, TheFirstStepIsThatOfTheEdgeCopyItself) {
  plan.plan.batch_size = 0;
  plan.plan.max_steps = 1;
  plan.plan.learning_rate = 0.125;
  const auto network = learn::Network::compile(coarse.graph);
  model::ParameterSet start = coarse.edge.values;
  std::vector<float> gradient(start.values().size());
  const data::View examples = some_examples();
  std::vector<float> features(examples.size() * 4), labels(examples.size());
  examples.dataset->read(examples.indices, features, labels);
  RandomStream random(1, "none");
  network->gradient(start, {features, labels, examples.size()}, learn::Loss::CrossEntropy, random, gradient);
  const std::vector<float> update = learns();
  for (std::size_t i = 0; i < update.size(); ++i) EXPECT_NEAR(update[i], -0.125 * gradient[i], 1e-6) << i;
}

TEST_F(ThroughTheRoundingTest, TheStepsThatFollowSeeTheRoundedWeightsAndAreTheSameEachTime) {
  const std::vector<float> aware = learns();
  EXPECT_EQ(learns(), aware);
  plan.participant = "bob";
  EXPECT_NE(learns(), aware);
  plan.participant = "alice";
  plan.rounding.reset();
  EXPECT_NE(learns(), aware);
}

TEST_F(ThroughTheRoundingTest, ModelsOfSeveralExitsAreNotLearntSo) {
  Publication several{"odl:4-8x3-2"};
  auto loan = workshop.borrow(sha256(several.skeleton), several.skeleton, {});
  plan.plan.online = true;
  plan.rounding->bits = 8;
  EXPECT_THROW(train_locally(loan.bench(), sha256(several.edge.blob), std::make_shared<const Bytes>(several.edge.blob),
                             some_examples(), plan, {}, clock),
               Error);
}

}  // namespace
}  // namespace tributary::participant::testing
