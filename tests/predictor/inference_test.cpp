#include "participant/predictor/inference.h"

#include <cstring>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/base/error.h"

namespace tributary::predictor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

void expect_refused(std::string_view body, const std::string& why, const std::string* header = nullptr) {
  try {
    parse_inference(body, header);
    ADD_FAILURE() << body;
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr(why));
  }
}

TEST(InferenceRequest, IsReadFromJsonFlatOrNested) {
  for (const char* data : {"[1,2,3,4]", "[[1,2],[3,4]]"}) {
    const auto request = parse_inference(std::string(R"({"id":"7","inputs":[{"data":)") + data +
                                             R"(,"name":"x","datatype":"FP32","shape":[2,2]}],
                                              "outputs":[{"name":"y"}],"parameters":{"binary_data_output":false}})",
                                         nullptr);
    EXPECT_EQ(request.id, "7");
    EXPECT_EQ(request.input, "x");
    EXPECT_EQ(*request.output, "y");
    EXPECT_EQ(request.examples(), 2u);
    EXPECT_FALSE(request.binary_output);
    EXPECT_THAT(request.values, ElementsAre(1, 2, 3, 4));
  }
}

TEST(InferenceRequest, IsReadWithABinaryTensor) {
  const std::string head =
      R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}],)"
      R"("outputs":[{"name":"y","parameters":{"binary_data":true}}]})";
  const float values[] = {1.5f, -2};
  std::string body = head;
  body.append(reinterpret_cast<const char*>(values), sizeof values);
  const std::string length = std::to_string(head.size());
  const auto request = parse_inference(body, &length);
  EXPECT_THAT(request.values, ElementsAre(1.5f, -2));
  EXPECT_TRUE(request.binary_output);
  expect_refused(body + "x", "bytes follow the JSON", &length);
  const std::string beyond = std::to_string(body.size() + 1), odd = "-3";
  expect_refused(body, "is not a length", &beyond);
  expect_refused(body, "is not a length", &odd);
  expect_refused(body, "the JSON");
}

TEST(InferenceRequest, IsRefusedWithTheReason) {
  const auto with = [](const std::string& input) { return R"({"inputs":[{"name":"x",)" + input + "}]}"; };
  expect_refused("{}", "no inputs");
  expect_refused("[]", "'{' expected");
  expect_refused(with(R"("shape":[1,2],"datatype":"FP32","data":[1])"), "its shape says 2");
  expect_refused(with(R"("shape":[0,2],"datatype":"FP32","data":[])"), "every axis");
  expect_refused(with(R"("shape":[-1,2],"datatype":"FP32","data":[])"), "every axis");
  expect_refused(with(R"("shape":[4294967296,4294967296],"datatype":"FP32","data":[])"), "every axis");
  expect_refused(with(R"("shape":[1],"datatype":"BYTES","data":["a"])"), "a number expected");
  expect_refused(with(R"("shape":[1],"datatype":"FP16","data":[1])"), "datatype 'FP16'");
  expect_refused(with(R"("shape":[1],"datatype":"INT64","data":[1.5])"), "no INT64");
  expect_refused(with(R"("shape":[1],"datatype":"INT64","data":[16777218])"), "beyond 2^24");
  expect_refused(R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]},{}]})", "one input");
}

TEST(InferenceRequest, RefusesBinaryValuesThatAreNotFinite) {
  const std::string head =
      R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":4}}]})";
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::string body = head;
  body.append(reinterpret_cast<const char*>(&nan), sizeof nan);
  const std::string length = std::to_string(head.size());
  expect_refused(body, "not finite", &length);
}

TEST(InferenceAnswer, HasTheSameBitsInJsonAndBinary) {
  const float values[] = {0.1f, -1e-30f, 3.4e38f, 1.0f / 3};
  const std::int64_t shape[] = {1, 4};
  InferenceRequest request;
  request.id = "a\"b";
  const auto json = write_inference(request, {"m", "12", "y", values, shape});
  const auto read = nlohmann::json::parse(json.body);
  EXPECT_EQ(read["model_version"], "12");
  EXPECT_EQ(read["id"], "a\"b");
  EXPECT_EQ(read["outputs"][0]["shape"], (std::vector<int>{1, 4}));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(read["outputs"][0]["data"][i].get<float>(), values[i]);
  request.binary_output = true;
  const auto binary = write_inference(request, {"m", "12", "y", values, shape});
  const auto length = static_cast<std::size_t>(std::stoul(*http::find_field(binary.fields, kHeaderLengthField)));
  ASSERT_EQ(binary.body.size(), length + sizeof values);
  EXPECT_EQ(std::memcmp(binary.body.data() + length, values, sizeof values), 0);
}

TEST(InferenceAnswer, ThatJsonCannotHoldIsAnError) {
  const float values[] = {std::numeric_limits<float>::infinity()};
  const std::int64_t shape[] = {1, 1};
  EXPECT_EQ(write_inference({}, {"m", "1", "y", values, shape}).status, 500);
}

}  // namespace
}  // namespace tributary::predictor
