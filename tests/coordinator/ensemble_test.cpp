#include "coordinator/ensemble.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/simulated_disk.h"
#include "common/codec/update.h"
#include "common/model/zoo.h"

namespace tributary::coordinator {
namespace {

using ::testing::ElementsAre;

class EnsembleTest : public testing::Test {
 protected:
  Bytes update(float value) const {
    const std::vector<float> values(layout()->size(), value);
    return codec::encode_update(*layout(), values, {}, codec::UpdateEncoding::parse("float32"),
                                RandomStream(1, "none"));
  }
  Path spooled(const Path& file, const Bytes& bytes) {
    disk_.create(file)->write_at(0, bytes);
    return file;
  }
  model::LayoutPtr layout() const { return start_.layout_ptr(); }

  // How far each model is from the start, in the order shown.
  std::vector<float> moves(const std::vector<Ensemble::Member>& members) {
    std::vector<float> seen;
    Ensemble(disk_, start_, members).for_each([&](const model::ParameterSet& model) {
      seen.push_back(model.values()[3] - start_.values()[3]);
      for (std::size_t i = 0; i < model.values().size(); ++i)
        EXPECT_NEAR(model.values()[i] - start_.values()[i], seen.back(), 1e-6);
    });
    for (float& move : seen) move = std::round(move * 1000) / 1000;
    return seen;
  }

  SimulatedDisk disk_;
  model::ParameterSet start_ = model::make_zoo_model("linear:3-2", 4).parameters();
};

TEST_F(EnsembleTest, ShowsTheModelsThatTheUpdatesMakeInOrderOfNames) {
  const Bytes small = update(0.25F);
  EXPECT_THAT(moves({{"carol", spooled("/c", update(3)), {}, 1},
                     {"alice", spooled("/a", update(1)), {}, 1},
                     {"bob", {}, small, 1}}),
              ElementsAre(1, 0.25, 3));
}

TEST_F(EnsembleTest, WhatWasClippedMovesByAsMuchAsItCounts) {
  EXPECT_THAT(moves({{"alice", spooled("/a", update(1)), {}, 0.5}}), ElementsAre(0.5));
}

TEST_F(EnsembleTest, AnUpdateThatIsDamagedOrGoneIsSaid) {
  EXPECT_THROW(moves({{"alice", "/nowhere", {}, 1}}), Error);
  EXPECT_THROW(moves({{"alice", spooled("/a", to_bytes("nonsense")), {}, 1}}), Error);
}

}  // namespace
}  // namespace tributary::coordinator
