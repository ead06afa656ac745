#include "coordinator/distillation.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/simulated_disk.h"
#include "common/codec/update.h"
#include "common/learn/network.h"
#include "common/learn/soft_targets.h"
#include "common/model/zoo.h"

namespace tributary::coordinator {
namespace {

using model::Graph;
using model::ParameterSet;
using ::testing::HasSubstr;

constexpr const char* kStudentFile = "/run/student.onnx";

// Counts how often it is asked.
class CountingEvaluator final : public Evaluator {
 public:
  Quality evaluate(const ParameterSet& /*parameters*/) override { return {1, 0.1 * ++asked}; }
  int asked = 0;
};

class DistillationTest : public testing::Test {
 protected:
  DistillationTest() {
    disk_.make_directories("/run");
    policy_.steps = 200;
    policy_.batch_size = 16;
    policy_.learning_rate = 0.05;
  }

  // Points of the plane, without labels.
  static data::View points(std::uint32_t count = 100) {
    RandomStream random(3, "points");
    std::vector<float> features(2 * count);
    for (float& feature : features) feature = static_cast<float>(random.normal());
    return data::whole(data::in_memory({2}, features, std::vector<float>(count), 1));
  }
  std::unique_ptr<Distiller> distiller(std::unique_ptr<StudentPlace> student = nullptr,
                                       data::View examples = points()) {
    return distil_on(graph_, std::move(examples), policy_, 9, disk_, std::move(student));
  }
  std::unique_ptr<StudentPlace> student(const std::string& model = "linear:2-3", bool goes_on = false) {
    return std::make_unique<StudentPlace>(
        StudentPlace{model::make_zoo_model(model, 2), kStudentFile, goes_on, &evaluator_});
  }

  // The cohort of so many participants, each with an update of its own.
  void gather(int count) {
    members_.clear();
    for (int p = 0; p < count; ++p) {
      RandomStream random({1, "update", static_cast<std::uint64_t>(p), {}});
      std::vector<float> delta(graph_.layout()->size());
      for (float& value : delta) value = static_cast<float>(random.normal());
      const Path file = "/run/" + std::to_string(p);
      disk_.create(file)->write_at(
          0, codec::encode_update(*graph_.layout(), delta, {}, codec::UpdateEncoding::parse("float32"), random));
      members_.push_back({"p" + std::to_string(p), file, {}, 1});
    }
  }
  Ensemble cohort() const { return Ensemble(disk_, start_, members_); }

  static std::vector<float> answers(const Graph& graph, const ParameterSet& parameters) {
    const data::View all = points();
    std::vector<float> features(2 * all.size()), labels(all.size());
    all.dataset->read(all.indices, features, labels);
    return learn::Network::compile(graph)->predict(parameters, features, all.size()).values;
  }
  // How far these answers are from those of the cohort together.
  double distance(const ParameterSet& parameters) const {
    std::vector<float> together(3 * points().size());
    cohort().for_each([&](const ParameterSet& member) {
      const auto one = answers(graph_, member);
      for (std::size_t i = 0; i < one.size(); ++i) together[i] += one[i] / static_cast<float>(members_.size());
    });
    return distance(answers(graph_, parameters), together);
  }
  static double distance(const std::vector<float>& given, std::vector<float> wanted) {
    learn::soften(wanted, 3, 1, wanted);
    std::vector<float> slopes(given.size());
    return learn::soft_loss(given, wanted, 3, 1, slopes);
  }
  std::string complaint(const std::function<void()>& act) const {
    try {
      act();
    } catch (const Error& e) {
      return e.what();
    }
    return "no complaint";
  }

  SimulatedDisk disk_;
  CountingEvaluator evaluator_;
  Graph graph_ = model::make_zoo_model("mlp:2-8-3", 1);
  ParameterSet start_ = graph_.parameters();
  DistillationPolicy policy_;
  std::vector<Ensemble::Member> members_;
};

TEST_F(DistillationTest, TheGlobalModelLearnsWhatTheCohortAnswersTogether) {
  gather(3);
  ParameterSet global = start_;
  ASSERT_TRUE(distiller()->teach_global(global, cohort(), 1));
  EXPECT_LT(distance(global), 0.3 * distance(start_));
}

TEST_F(DistillationTest, ItIsTheSameBitForBitWhateverTheOrderOfArrivalAndAnotherRoundIsAnother) {
  gather(3);
  ParameterSet first = start_, again = start_, later = start_;
  distiller()->teach_global(first, cohort(), 1);
  std::swap(members_[0], members_[2]);
  const auto used = distiller();
  used->teach_global(later, cohort(), 2);
  used->teach_global(again, cohort(), 1);
  EXPECT_EQ(digest_of(again), digest_of(first));
  EXPECT_NE(digest_of(later), digest_of(first));
}

TEST_F(DistillationTest, WhenItDivergesTheMeanOfTheUpdatesStays) {
  gather(2);
  policy_.learning_rate = 1e6;
  ParameterSet global = start_;
  EXPECT_FALSE(distiller()->teach_global(global, cohort(), 1));
  EXPECT_EQ(digest_of(global), digest_of(start_));
}

TEST_F(DistillationTest, TheStudentLearnsWhatTheGlobalModelAnswersAndIsLeftAsAFile) {
  const Graph untaught = model::make_zoo_model("linear:2-3", 2);
  const auto wanted = answers(graph_, start_);
  const auto school = distiller(student());
  EXPECT_DOUBLE_EQ(school->teach_student(start_, 4)->accuracy, 0.1);
  const Graph kept = Graph::parse(disk_.map(kStudentFile)->bytes(), "student");
  EXPECT_EQ(kept.metadata.at("tributary.round"), "4");
  EXPECT_LT(distance(answers(kept, kept.parameters()), wanted),
            0.5 * distance(answers(untaught, untaught.parameters()), wanted));
}

TEST_F(DistillationTest, AStudentGoesOnWhereItWasAndLearnsNoRoundTwice) {
  distiller(student())->teach_student(start_, 4);
  const auto file = [&] { return sha256(disk_.map(kStudentFile)->bytes()); };
  const Digest fourth = file();
  const auto resumed = distiller(student("linear:2-3", true));
  EXPECT_TRUE(resumed->teach_student(start_, 4).has_value());
  EXPECT_EQ(file(), fourth);
  resumed->teach_student(start_, 5);
  const Digest fifth = file();
  distiller(student())->teach_student(start_, 5);
  EXPECT_NE(file(), fifth) << "one that is new has not learnt round 4";
}

TEST_F(DistillationTest, AnotherStudentsFileIsNotGoneOnWith) {
  distiller(student())->teach_student(start_, 4);
  EXPECT_THAT(complaint([&] { distiller(student("mlp:2-4-3", true)); }), HasSubstr("is not the student of this run"));
}

TEST_F(DistillationTest, WhatDoesNotFitIsSaidAtOnce) {
  EXPECT_THAT(complaint([&] { distiller(student("linear:2-5")); }),
              HasSubstr("distillation.student gives 5 answers where the model gives 3"));
  EXPECT_THAT(complaint([&] { distiller(student("linear:3-3")); }), HasSubstr("do not fit distillation.student"));
  data::View none = points();
  none.indices.clear();
  EXPECT_THAT(complaint([&] { distiller(nullptr, none); }), HasSubstr("there are no examples"));
  const auto wide = data::whole(data::in_memory({3}, {1, 2, 3}, {0}, 1));
  EXPECT_THAT(complaint([&] { distiller(nullptr, wide); }), HasSubstr("do not fit model"));
}

TEST_F(DistillationTest, AStudentWithoutEvaluationDataHasNoFigure) {
  auto place = student();
  place->evaluator = nullptr;
  EXPECT_FALSE(distiller(std::move(place))->teach_student(start_, 1).has_value());
}

}  // namespace
}  // namespace tributary::coordinator
