#include "common/model/skeleton.h"

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/model/zoo.h"

namespace tributary::model {
namespace {

template <class Action>
Error::Kind kind_of_error(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "no error";
  return Error::Kind::Internal;
}

TEST(Skeleton, KeepsTheGraphAndLeavesTheValuesBehind) {
  const Graph graph = make_zoo_model("2nn", 1);
  const Bytes packed = pack_skeleton(graph);
  EXPECT_LT(packed.size(), 4096u);
  Graph back = unpack_skeleton(packed, "skeleton");
  EXPECT_EQ(back.layout()->digest(), graph.layout()->digest());
  EXPECT_NE(back, graph);
  back.set_parameters(graph.parameters());
  EXPECT_EQ(back, graph);
}

TEST(Skeleton, IsTheSameForEqualModelsOfOtherSeeds) {
  EXPECT_EQ(pack_skeleton(make_zoo_model("lenet", 1)), pack_skeleton(make_zoo_model("lenet", 2)));
}

TEST(Skeleton, EveryTruncationAndAppendixIsRefused) {
  const Bytes packed = pack_skeleton(make_zoo_model("linear:4-2", 1));
  for (std::size_t length = 0; length < packed.size(); ++length)
    EXPECT_EQ(kind_of_error([&] { unpack_skeleton(ByteSpan(packed).first(length), "cut"); }), Error::Kind::Malformed);
  Bytes longer = packed;
  longer.push_back(std::byte{0});
  EXPECT_EQ(kind_of_error([&] { unpack_skeleton(longer, "long"); }), Error::Kind::Malformed);
}

TEST(Skeleton, ABombStopsAtTheLimit) {
  const Bytes packed = pack_skeleton(make_zoo_model("mlp:1000-1000-10", 1));
  ASSERT_LT(packed.size(), 10'000u);
  EXPECT_EQ(kind_of_error([&] { unpack_skeleton(packed, "bomb", {.max_file_bytes = 100'000}); }),
            Error::Kind::Overloaded);
}

}  // namespace
}  // namespace tributary::model
