// The protocol over a real line: what clients of the Open Inference Protocol see.
#include "participant/predictor/predictor.h"

#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "common/http/client.h"
#include "participant/predictor/inference.h"
#include "participant/predictor/service.h"
#include "tests/predictor/models.h"

namespace tributary::predictor {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

class PredictorTest : public ::testing::Test {
 protected:
  PredictorTest() { settings_.listen = "127.0.0.1:0"; }

  void open(const std::vector<std::string>& models = {"small"}) {
    service_ = std::make_unique<Service>(settings_, models);
    service_->start();
  }
  void install(float value, const std::string& version) {
    service_->predictor().install("small", deploy(testing::constant_model(value), version, 1, 4));
  }
  http::Response ask(const std::string& method, const std::string& target, const std::string& body = "",
                     http::Fields fields = {}) {
    const auto address = http::parse_url(service_->address(), "test");
    return http::call(address, {method, target, std::move(fields), body});
  }
  http::Response infer(const std::string& input, const std::string& more = "") {
    return ask("POST", "/v2/models/small/infer",
               R"({"inputs":[{"name":")" + name_ + R"(",)" + input + "}]" + more + "}");
  }

  ServeSettings settings_;
  std::unique_ptr<Service> service_;
  const std::string name_ = testing::constant_model(1).inputs.front().name;
};

TEST_F(PredictorTest, IsReadyWhenEveryModelIsThere) {
  open();
  EXPECT_EQ(ask("GET", "/v2/health/live").status, 200);
  EXPECT_EQ(ask("GET", "/v2/health/ready").status, 503);
  EXPECT_EQ(ask("GET", "/v2/models/small").status, 503);
  install(1, "1");
  EXPECT_EQ(ask("GET", "/v2/health/ready").status, 200);
  EXPECT_EQ(ask("GET", "/v2/models/small/ready").status, 200);
}

TEST_F(PredictorTest, DescribesItselfAndItsModels) {
  open();
  install(1, "9");
  EXPECT_EQ(Json::parse(ask("GET", "/v2").body)["name"], "tributary");
  const Json model = Json::parse(ask("GET", "/v2/models/small").body);
  EXPECT_EQ(model["versions"][0], "9");
  EXPECT_EQ(model["inputs"][0]["shape"], Json({-1, 3}));
  EXPECT_EQ(model["inputs"][0]["datatype"], "FP32");
  EXPECT_EQ(model["outputs"][0]["shape"], Json({-1, 2}));
}

TEST_F(PredictorTest, AnswersInJsonAndNamesTheVersion) {
  open();
  install(2, "7");
  const auto answer = infer(R"("shape":[2,3],"datatype":"FP32","data":[1,2,3,0,0,0])", R"(,"id":"q")");
  ASSERT_EQ(answer.status, 200) << answer.body;
  const Json json = Json::parse(answer.body);
  EXPECT_EQ(json["model_version"], "7");
  EXPECT_EQ(json["id"], "q");
  EXPECT_EQ(json["outputs"][0]["data"], Json({14, 14, 2, 2}));
  EXPECT_EQ(json["outputs"][0]["shape"], Json({2, 2}));
}

TEST_F(PredictorTest, AnswersInBinary) {
  open();
  install(1, "1");
  const std::string head = R"({"inputs":[{"name":")" + name_ +
                           R"(","shape":[1,3],"datatype":"FP32","parameters":{"binary_data_size":12}}],)"
                           R"("parameters":{"binary_data_output":true}})";
  const float values[] = {1, 2, 3};
  const auto answer =
      ask("POST", "/v2/models/small/infer", head + std::string(reinterpret_cast<const char*>(values), sizeof values),
          {{std::string(kHeaderLengthField), std::to_string(head.size())}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  float got[2];
  std::memcpy(got, answer.body.data() + answer.body.size() - sizeof got, sizeof got);
  EXPECT_EQ(got[0], 7);
}

TEST_F(PredictorTest, AVersionInThePathIsTheOneInForceOrNone) {
  open();
  install(1, "3");
  EXPECT_EQ(ask("GET", "/v2/models/small/versions/3").status, 200);
  EXPECT_EQ(ask("GET", "/v2/models/small/versions/2").status, 404);
}

TEST_F(PredictorTest, RefusesWithTheReason) {
  open();
  install(1, "1");
  const auto expect = [&](const http::Response& answer, int status, const std::string& why) {
    EXPECT_EQ(answer.status, status) << answer.body;
    EXPECT_THAT(Json::parse(answer.body)["error"].get<std::string>(), HasSubstr(why));
  };
  expect(ask("GET", "/nothing"), 404, "see /v2");
  expect(ask("GET", "/v2/models/large"), 404, "no model 'large'");
  expect(ask("GET", "/v2/models/small/infer"), 405, "POST");
  expect(ask("POST", "/v2/models/small"), 405, "GET");
  expect(ask("POST", "/v2/models/small/infer", "{"), 400, "JSON");
  expect(infer(R"("shape":[1,4],"datatype":"FP32","data":[1,2,3,4])"), 400, "is [-1,3], not [1,4]");
  expect(infer(R"("shape":[1,3],"datatype":"INT64","data":[1,2,3])"), 400, "is FP32");
  expect(ask("POST", "/v2/models/small/infer",
             R"({"inputs":[{"name":"z","shape":[1,3],"datatype":"FP32","data":[1,2,3]}]})"),
         400, "not 'z'");
}

TEST_F(PredictorTest, GathersAndCountsInBatchMode) {
  settings_.mode = "batch";
  settings_.max_delay_seconds = 0.001;
  open();
  install(1, "1");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(infer(R"("shape":[1,3],"datatype":"FP32","data":[1,2,3])").status, 200);
  const std::string metrics = ask("GET", "/metrics").body;
  EXPECT_THAT(metrics, HasSubstr("tributary_predictor_requests_total{model=\"small\"} 5"));
}

TEST_F(PredictorTest, OnlyLoopbackIsServedWithoutTls) {
  settings_.listen = "0.0.0.0:0";
  EXPECT_THROW(open(), Error);
  settings_.listen = "127.0.0.1:0";
  settings_.certificate = "x";
  EXPECT_THROW(open(), Error) << "a certificate without its key";
}

TEST_F(PredictorTest, TwoModelsOfOneNameAreRefused) {
  EXPECT_THROW(open({"a", "a"}), Error);
}

}  // namespace
}  // namespace tributary::predictor
