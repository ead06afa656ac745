// Federations of real processes over TLS, as a user runs them by hand.

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "common/base/text.h"
#include "coordinator/round_record.h"
#include "tests/system/programs.h"

namespace tributary::testing {
namespace {

using coordinator::RoundRecord;
using ::testing::HasSubstr;
using ::testing::Not;

// Rows of `features` numbers and one of three labels that they tell apart.
std::string rows(int count, int features) {
  std::string text;
  for (int f = 0; f < features; ++f) text += "f" + std::to_string(f) + ",";
  text += "label\n";
  for (int i = 0; i < count; ++i) {
    const int label = i % 3;
    for (int f = 0; f < features; ++f)
      text += std::to_string((f % 3 == label ? 1.0 : 0.0) + 0.01 * ((i * 7 + f * 13) % 29)) + ",";
    text += std::to_string(label) + "\n";
  }
  return text;
}

class Federation : public ::testing::Test {
 protected:
  void found(const std::vector<std::string>& names) {
    EXPECT_EQ(place_.run("tributary-coordinator init orchard --name orchard").code, 0);
    std::string line = "tributary-coordinator enroll orchard";
    for (const auto& name : names) line += " " + name;
    EXPECT_EQ(place_.run(line + " --out bundles").code, 0);
  }
  void start_coordinator(const std::string& keys) {
    place_.start("coordinator", "tributary-coordinator run orchard --out run --listen.port=0 " + keys);
    server_ = std::string(trim(place_.await_file("run/coordinator.address")));
  }
  void start_participant(const std::string& name, const std::string& data) {
    place_.start(name,
                 "tributary-participant run --bundle bundles/" + name + ".bundle --server " + server_ + " " + data);
  }
  std::vector<RoundRecord> records() const {
    std::vector<RoundRecord> all;
    const std::string text = read_text_file(place_ / "run/rounds.jsonl");
    for (const auto line : split(trim(text), '\n')) all.push_back(coordinator::record_from_json(line, "rounds.jsonl"));
    return all;
  }

  Workplace place_;
  std::string server_;
};

constexpr const char* kCsv = "--data.format=csv --data.file=rows.csv --data.classes=3";

TEST_F(Federation, TwoParticipantsLearnAndEveryoneEndsInOrder) {
  place_.write("rows.csv", rows(90, 6));
  found({"alice", "bob"});
  start_coordinator(
      "--model=mlp:6-12-3 --rounds=6 --round.participants=2 --training.learning_rate=0.2 "
      "--evaluation.format=csv --evaluation.file=rows.csv --evaluation.classes=3");
  start_participant("alice", kCsv);
  start_participant("bob", kCsv);
  EXPECT_EQ(place_.wait("coordinator"), 0) << place_.log("coordinator");
  EXPECT_EQ(place_.wait("alice"), 0) << place_.log("alice");
  EXPECT_EQ(place_.wait("bob"), 0) << place_.log("bob");
  ASSERT_EQ(records().size(), 6u);
  EXPECT_EQ(records().back().accepted, 2u);
  EXPECT_GT(records().back().edge->accuracy, 0.9);
  EXPECT_LT(records().back().train_loss, records().front().train_loss);
  for (const char* file : {"global.onnx", "edge.onnx"}) {
    const Said said = place_.run(std::string("tributary-model inspect run/") + file);
    EXPECT_EQ(said.code, 0) << said.text;
  }
}

// A participant that is killed in mid-round costs itself only.
TEST_F(Federation, AKilledParticipantLeavesItsRoundToTheOthers) {
  place_.write("rows.csv", rows(300, 6));
  found({"alice", "bob", "carol"});
  start_coordinator(
      "--model=mlp:6-12-3 --rounds=4 --round.participants=3 --round.quorum=2 --round.deadline_seconds=60 "
      "--round.return_seconds=0.3 --training.batch_size=1 --training.epochs=20");
  start_participant("alice", kCsv);
  start_participant("bob", kCsv);
  // Carol's training takes so long that the signal finds her in it.
  place_.write("many.csv", rows(60000, 6));
  start_participant("carol", "--data.format=csv --data.file=many.csv --data.classes=3");
  place_.wait_for("alice", "round 1");
  place_.signal("carol", SIGKILL);
  EXPECT_EQ(place_.wait("coordinator"), 0) << place_.log("coordinator");
  ASSERT_EQ(records().size(), 4u);
  EXPECT_EQ(records()[0].selected, 3u);
  EXPECT_EQ(records()[0].accepted, 2u);
  EXPECT_EQ(records()[0].refused.at("vanished"), 1u);
  EXPECT_TRUE(records()[0].published);
  EXPECT_LT(records()[0].seconds.round, 50);
  EXPECT_EQ(records()[3].accepted, 2u);
}

TEST_F(Federation, ARevokedParticipantIsRefusedAndBothEndsSayWhy) {
  place_.write("rows.csv", rows(90, 6));
  found({"alice", "mallory"});
  EXPECT_EQ(place_.run("tributary-coordinator revoke orchard mallory").code, 0);
  start_coordinator("--model=mlp:6-12-3 --rounds=2 --round.participants=1");
  start_participant("mallory", kCsv);
  EXPECT_EQ(place_.wait("mallory"), 1);
  EXPECT_THAT(place_.log("mallory"), HasSubstr("revoked"));
  place_.wait_for("coordinator", "mallory");
  EXPECT_THAT(place_.log("coordinator"), HasSubstr("revoked"));
  start_participant("alice", kCsv);
  EXPECT_EQ(place_.wait("coordinator"), 0) << place_.log("coordinator");
  EXPECT_EQ(records().back().accepted, 1u);
}

TEST_F(Federation, AnInterruptedCoordinatorSaysGoodbyeAndWritesItsReport) {
  place_.write("rows.csv", rows(90, 6));
  found({"alice"});
  start_coordinator("--model=mlp:6-12-3 --rounds=0 --round.participants=1");
  start_participant("alice", kCsv);
  place_.wait_for("coordinator", "\n");
  place_.wait_for("alice", "round 2");
  place_.signal("coordinator", SIGINT);
  EXPECT_EQ(place_.wait("coordinator"), 130) << place_.log("coordinator");
  EXPECT_EQ(place_.wait("alice"), 0) << place_.log("alice");
  EXPECT_THAT(read_text_file(place_ / "run/report.json"), HasSubstr("interrupted"));
  EXPECT_THAT(read_text_file(place_ / "run/report.html"), HasSubstr("</html>"));
}

// What torch.onnx.export wrote is federated as it is.
class ExportedModel : public Federation, public ::testing::WithParamInterface<std::pair<const char*, int>> {};

TEST_P(ExportedModel, IsTrainedInAFederation) {
  const auto [model, features] = GetParam();
  const bool is_text = features == 16;
  std::string table;
  for (int f = 0; f < features; ++f) table += "f" + std::to_string(f) + ",";
  table += "label\n";
  for (int i = 0; i < 24; ++i) {
    for (int f = 0; f < features; ++f)
      table += is_text ? std::to_string((i % 3 * 11 + f) % 50) + "," : std::to_string((i % 3 == f % 3) * 0.5) + ",";
    table += std::to_string(i % 3) + "\n";
  }
  place_.write("rows.csv", table);
  found({"alice", "bob"});
  const std::string shape = is_text ? "16" : "1,28,28";
  start_coordinator("--model=" + std::string(TRIBUTARY_TEST_MODELS) + "/" + model +
                    " --rounds=3 --round.participants=2 --training.learning_rate=0.05 --training.batch_size=8 "
                    "--training.epochs=4 --evaluation.format=csv --evaluation.file=rows.csv --evaluation.classes=4 "
                    "--evaluation.shape=" +
                    shape);
  const std::string data = "--data.format=csv --data.file=rows.csv --data.classes=4 --data.shape=" + shape;
  start_participant("alice", data);
  start_participant("bob", data);
  EXPECT_EQ(place_.wait("coordinator"), 0) << place_.log("coordinator") << place_.log("alice");
  ASSERT_EQ(records().size(), 3u);
  EXPECT_EQ(records().back().accepted, 2u) << place_.log("alice");
  EXPECT_LT(records().back().train_loss, records().front().train_loss);
  EXPECT_EQ(place_.run("tributary-model inspect run/edge.onnx").code, 0);
}

INSTANTIATE_TEST_SUITE_P(OfPyTorch, ExportedModel,
                         ::testing::Values(std::pair("residual_training.onnx", 784),
                                           std::pair("residual_eval.onnx", 784), std::pair("lstm_training.onnx", 16),
                                           std::pair("gru_training.onnx", 16),
                                           std::pair("transformer_training.onnx", 16)),
                         [](const auto& info) {
                           const std::string name = info.param.first;
                           return name.substr(0, name.find('.'));
                         });

}  // namespace
}  // namespace tributary::testing
