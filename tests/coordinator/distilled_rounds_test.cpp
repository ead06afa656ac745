// Rounds whose model is distilled from the cohort's after averaging, and students who learn beside them: what the
// server asks of a Distiller, and what becomes of it. What the real one learns is distillation_test's.
#include <set>

#include <gmock/gmock.h>

#include "scripted_federation.h"

namespace tributary::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// The global model becomes the plain mean of the cohort's models, whatever their weights; the student nothing.
class PlainMean final : public Distiller {
 public:
  bool teach_global(model::ParameterSet& global, const Ensemble& cohort, std::uint64_t round) override {
    taught.push_back(round);
    std::vector<double> sum(global.values().size());
    cohort.for_each([&](const model::ParameterSet& member) {
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += double{member.values()[i]};
    });
    for (std::size_t i = 0; i < sum.size(); ++i)
      global.values()[i] = static_cast<float>(sum[i] / static_cast<double>(cohort.size()));
    return true;
  }
  std::optional<Quality> teach_student(const model::ParameterSet& global, std::uint64_t round) override {
    students.push_back(round);
    learnt_from.push_back(digest_of(global));
    return Quality{0.5, 0.01 * static_cast<double>(round)};
  }

  std::vector<std::uint64_t> taught, students;
  std::vector<Digest> learnt_from;
};

class DistilledRoundsTest : public ScriptedFederation {
 protected:
  DistilledRoundsTest() {
    distiller_ = &plain_mean;
    settings_.round.participants = Share::parse("2");
    settings_.edge.sparsity = 0;
    settings_.rounds = 4;
  }

  // Alice's examples count much more than bob's, but for the plain mean.
  std::vector<ScriptedUpdate> round() {
    std::vector<ScriptedUpdate> made;
    for (const auto& [name, examples] : {std::pair("alice", 90U), {"bob", 10U}}) {
      made.push_back(update(name, participant(name).expects<wire::Offer>(), examples));
      participant(name).uploads(made.back());
      EXPECT_TRUE(participant(name).expects<wire::Verdict>().accepted);
    }
    return made;
  }
  model::ParameterSet mean_of(const codec::EdgeCopy& start, const std::vector<ScriptedUpdate>& updates) const {
    const auto layout = start.values.layout_ptr();
    const auto a = codec::decode_update(updates[0].blob, *layout), b = codec::decode_update(updates[1].blob, *layout);
    model::ParameterSet mean(layout);
    for (std::size_t i = 0; i < a.size(); ++i) {
      const float from = start.values.values()[i];
      mean.values()[i] = static_cast<float>((double{from + a[i]} + double{from + b[i]}) / 2);
    }
    return mean;
  }
  void restart() {
    open();
    for (const char* name : {"alice", "bob"}) participant(name).joins();
    begin_run();
  }

  PlainMean plain_mean;
};

TEST_F(DistilledRoundsTest, WhatIsPublishedIsWhatTheCohortTaught) {
  settings_.distillation.cohort = true;
  start({"alice", "bob"});
  const auto updates = round();
  const codec::EdgeCopy first = codec::encode_edge_copy(graph_.parameters(), {}, {.sparsity = 0});
  const RoundRecord made = record(1);
  EXPECT_TRUE(made.distilled);
  EXPECT_EQ(made.model_digest, digest_of(mean_of(first, updates)));
  EXPECT_NE(made.model_digest, reference(updates));
}

TEST_F(DistilledRoundsTest, OnlyEveryKthRoundIsDistilled) {
  settings_.distillation.cohort = true;
  settings_.distillation.every = 2;
  start({"alice", "bob"});
  const auto updates = round();
  EXPECT_EQ(record(1).model_digest, reference(updates));
  EXPECT_FALSE(record(1).distilled);
  round();
  EXPECT_TRUE(record(2).distilled);
  EXPECT_THAT(plain_mean.taught, ElementsAre(2));
}

TEST_F(DistilledRoundsTest, WithoutBeingAskedForNothingIsDistilled) {
  start({"alice", "bob"});
  const auto updates = round();
  EXPECT_EQ(record(1).model_digest, reference(updates));
  EXPECT_THAT(plain_mean.taught, IsEmpty());
  EXPECT_THAT(plain_mean.students, IsEmpty());
}

TEST_F(DistilledRoundsTest, WhereverPowerFailsWhileARoundIsSettledItsModelIsTheSame) {
  settings_.distillation.cohort = true;
  settings_.rounds = 1;
  const codec::EdgeCopy first = codec::encode_edge_copy(graph_.parameters(), {}, {.sparsity = 0});
  std::set<std::size_t> times_taught;
  for (std::uint64_t operation = 0; operation < 40; ++operation) {
    plain_mean.taught.clear();
    start({"alice", "bob"});
    const auto alices = update("alice", participant("alice").expects<wire::Offer>(), 90);
    participant("alice").uploads(alices);
    EXPECT_TRUE(participant("alice").expects<wire::Verdict>().accepted);
    auto bobs = update("bob", participant("bob").expects<wire::Offer>(), 10);
    disk_.crash_at(disk_.operations() + operation);
    participant("bob").uploads(bobs);
    pass(5);
    if (!ending_) {
      crashes();
      restart();
      bobs.announcement.awaits = true;
      participant("bob").announces(bobs);
      pass(1);
      for (const wire::Message& message : participant("bob").line().inbox)
        if (const auto* proceed = std::get_if<wire::Proceed>(&message))
          participant("bob").sends_chunks(bobs, proceed->offset);
    }
    EXPECT_EQ(digest_of(ending().global), digest_of(mean_of(first, {alices, bobs}))) << "at operation " << operation;
    times_taught.insert(plain_mean.taught.size());
    crashes();
    ending_.reset();
    disk_ = SimulatedDisk();
  }
  EXPECT_THAT(times_taught, ElementsAre(1, 2)) << "some crashes come when the model is made, but not saved";
}

TEST_F(DistilledRoundsTest, TheStudentLearnsFromTheModelOfEveryKthRoundAndOfTheLast) {
  settings_.distillation.student = "student.onnx";
  settings_.distillation.every = 3;
  start({"alice", "bob"});
  for (std::uint64_t number = 1; number <= 4; ++number) {
    round();
    const RoundRecord made = record(number);
    EXPECT_EQ(made.student.has_value(), number >= 3) << number;
    if (made.student) {
      EXPECT_EQ(plain_mean.learnt_from.back(), made.model_digest);
    }
    EXPECT_FALSE(made.distilled);
  }
  EXPECT_THAT(plain_mean.students, ElementsAre(3, 4));
  EXPECT_DOUBLE_EQ(record(4).student->accuracy, 0.04);
}

TEST_F(DistilledRoundsTest, TheEdgeCopyOfEveryKthRoundIsGivenToBeKept) {
  settings_.edge.file_every = 2;
  start({"alice", "bob"});
  for (std::uint64_t number = 1; number <= 4; ++number) {
    round();
    record(number);
  }
  ASSERT_EQ(observed_.edges.size(), 2U);
  EXPECT_EQ(sha256(observed_.edges.at(2).blob), record(2).edge_digest);
  EXPECT_EQ(sha256(observed_.edges.at(4).blob), record(4).edge_digest);
}

}  // namespace
}  // namespace tributary::coordinator
