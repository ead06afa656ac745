#include "common/edge/comparison.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "common/base/error.h"
#include "common/edge/quantization.h"
#include "common/model/zoo.h"
#include "tests/learn/toy_data.h"

namespace tributary::edge {
namespace {

using learn::testing::toy_problem;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// A clock that goes a millisecond further each time it is asked.
class Ticking final : public Clock {
 public:
  TimePoint now() const override { return at_ += std::chrono::milliseconds(1); }
  std::int64_t unix_seconds() const override { return 0; }

 private:
  mutable TimePoint at_{};
};

class ComparisonOf : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = Path(::testing::TempDir()) / ("comparison_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
    const auto graph = model::make_zoo_model("mlp:6-16-3", 1);
    graph.save(folder_ / "plain.onnx");
    quantize_dynamic(graph).save(folder_ / "<small>.onnx");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Comparison both() {
    return compare({folder_ / "plain.onnx", folder_ / "<small>.onnx"}, toy_problem({6}, 3, 40),
                   {.seconds = 0.05, .batches = {1, 32}}, clock_);
  }

  Path folder_;
  Ticking clock_;
};

TEST_F(ComparisonOf, TwoModelsHasEveryFigureOfBoth) {
  const Comparison made = both();
  ASSERT_EQ(made.contenders.size(), 2U);
  EXPECT_GT(made.contenders[0].file_bytes, 0U);
  EXPECT_EQ(made.contenders[0].parameters, 6U * 16 + 16 + 16 * 3 + 3);
  for (const Contender& one : made.contenders) {
    ASSERT_EQ(one.latency.size(), 2U);
    EXPECT_DOUBLE_EQ(one.latency[0].median, 0.001);
    EXPECT_DOUBLE_EQ(one.latency[1].p99, 0.001);
    EXPECT_DOUBLE_EQ(one.examples_per_second, 32'000);
  }
  EXPECT_NEAR(made.contenders[0].accuracy, made.contenders[1].accuracy, 0.1);
}

TEST_F(ComparisonOf, ALargeModelShowsItsMemory) {
  model::make_zoo_model("mlp:6-2000-2000-3", 1).save(folder_ / "large.onnx");
  const auto made =
      compare({folder_ / "large.onnx"}, toy_problem({6}, 3, 40), {.seconds = 0.01, .batches = {1}}, clock_);
  const std::uint64_t parameters = made.contenders[0].parameters;
  EXPECT_GE(made.contenders[0].peak_memory, 4 * parameters);
  EXPECT_LE(made.contenders[0].peak_memory, 40 * parameters);
}

TEST_F(ComparisonOf, TwoModelsIsATableAnObjectAndAPage) {
  const Comparison made = both();
  EXPECT_THAT(as_table(made), HasSubstr("batch 32, p99"));
  EXPECT_EQ(nlohmann::json::parse(as_json(made)).at("models").at(1).at("batch_32_median_seconds"), 0.001);
  const std::string page = as_html(made);
  EXPECT_THAT(page, StartsWith("<!doctype html>"));
  EXPECT_THAT(page, HasSubstr("&lt;small&gt;.onnx"));
  EXPECT_THAT(page, Not(HasSubstr("<small>.onnx")));
}

TEST_F(ComparisonOf, NothingOrOnNothingIsRefused) {
  EXPECT_THROW(compare({}, toy_problem({6}, 3, 40), {}, clock_), Error);
  const data::View none{toy_problem({6}, 3, 40).dataset, {}};
  EXPECT_THROW(compare({folder_ / "plain.onnx"}, none, {}, clock_), Error);
}

TEST_F(ComparisonOf, NamesTheFileThatIsWrong) {
  try {
    compare({folder_ / "plain.onnx"}, toy_problem({5}, 3, 40), {}, clock_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("plain.onnx: "));
  }
}

}  // namespace
}  // namespace tributary::edge
