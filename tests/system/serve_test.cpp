// Models served by the programs: files, new files on SIGHUP, and a running agent's edge copies.
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/base/text.h"
#include "common/http/client.h"
#include "common/model/zoo.h"
#include "tests/system/programs.h"

namespace tributary::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class Serve : public ::testing::Test {
 protected:
  void write_model(float value) {
    model::Graph graph = model::make_zoo_model("linear:2-2", 1);
    auto parameters = graph.parameters();
    for (float& each : parameters.values()) each = value;
    graph.set_parameters(parameters);
    graph.metadata["tributary.round"] = std::to_string(static_cast<int>(value));
    graph.save(place_ / "small.onnx");
    input_ = graph.inputs.front().name;
  }
  std::string url_of(const std::string& name) {
    place_.wait_for(name, "serving on http://");
    const std::string log = place_.log(name);
    const auto at = log.find("http://");
    return log.substr(at, log.find('\n', at) - at);
  }
  json ask(const std::string& url, const std::string& target, const std::string& body = "") {
    return json::parse(
        http::call(http::parse_url(url, "test"), {body.empty() ? "GET" : "POST", target, {}, body}).body);
  }
  json infer(const std::string& url) {
    return ask(url, "/v2/models/small/infer",
               R"({"inputs":[{"name":")" + input_ + R"(","shape":[1,2],"datatype":"FP32","data":[1,1]}]})");
  }

  Workplace place_;
  std::string input_;
};

TEST_F(Serve, AFileAndTheNextOneAfterAHangup) {
  write_model(1);
  place_.start("server", "tributary-participant serve small.onnx --serve.listen=127.0.0.1:0");
  const std::string url = url_of("server");
  EXPECT_EQ(infer(url)["outputs"][0]["data"], json({3, 3}));
  write_model(2);
  place_.signal("server", SIGHUP);
  place_.wait_for("server", "were read again");
  const json answer = infer(url);
  EXPECT_EQ(answer["model_version"], "2");
  EXPECT_EQ(answer["outputs"][0]["data"], json({6, 6}));
  place_.write("small.onnx", "rubbish");
  place_.signal("server", SIGHUP);
  place_.wait_for("server", "what was there before stays");
  EXPECT_EQ(infer(url)["model_version"], "2");
  place_.signal("server", SIGTERM);
  EXPECT_EQ(place_.wait("server"), 0);
}

TEST_F(Serve, ARunningAgentsEdgeCopies) {
  place_.write("points.csv", "a,b,label\n1,0,0\n0,1,1\n1,0.1,0\n0.1,1,1\n");
  place_.run("tributary-coordinator init F --name orchard");
  place_.run("tributary-coordinator enroll F alice --bundle alice.bundle");
  place_.start("coordinator", "tributary-coordinator run F --out r --listen.port=0 --model=linear:2-2 --rounds=0");
  const std::string address(trim(place_.await_file("r/coordinator.address")));
  place_.start("alice", "tributary-participant run --bundle alice.bundle --server " + address +
                            " --data.format=csv --data.file=points.csv --serve --serve.listen=127.0.0.1:0");
  const std::string url = url_of("alice");
  std::int64_t first = -1, version = -1;
  for (int i = 0; i < 20'000 && (first < 0 || version <= first); ++i) {
    const json model = ask(url, "/v2/models/edge");
    if (!model.contains("versions")) continue;
    version = *parse_int(model["versions"][0].get<std::string>());
    if (first < 0) first = version;
  }
  EXPECT_GT(version, first) << "a newer round's copy takes the place";
  place_.signal("coordinator", SIGINT);
  EXPECT_EQ(place_.wait("alice"), 0) << place_.log("alice");
}

TEST_F(Serve, PredictWritesARowAnExample) {
  write_model(1);
  place_.write("points.csv", "a,b,label\n1,0,0\n0,2,1\n");
  const Said said = place_.run("tributary-participant predict small.onnx --data.format=csv --data.file=points.csv");
  EXPECT_EQ(said.code, 0);
  EXPECT_EQ(said.text, "index,label,predicted,output_0,output_1\n0,0,0,2,2\n1,1,0,3,3\n");
}

TEST_F(Serve, WhatIsWrongIsSaidInALine) {
  write_model(1);
  const auto expect = [&](const std::string& words, const std::string& message) {
    const Said said = place_.run("tributary-participant " + words);
    EXPECT_TRUE(said.code == 1 || said.code == 2) << said.code;
    EXPECT_THAT(said.text, HasSubstr(message));
    EXPECT_EQ(std::count(said.text.begin(), said.text.end(), '\n'), 1) << said.text;
  };
  expect("serve", "MODEL is missing");
  expect("serve gone.onnx", "cannot open gone.onnx");
  expect("serve a/b=small.onnx", "a/b");
  expect("serve small.onnx small.onnx", "two models are named 'small'");
  expect("serve small.onnx --serve.listen=0.0.0.0:8080", "is not loopback: set serve.certificate and serve.key");
  expect("serve small.onnx --serve.listen=nonsense", "must be HOST:PORT");
  expect("serve small.onnx --serve.mode=fast", "serve.mode = \"fast\": must be one of single, batch");
  expect("serve small.onnx --serve.certificate=x", "go together");
  expect("predict small.onnx", "no examples");
  expect("srve", "did you mean serve?");
}

}  // namespace
}  // namespace tributary::testing
