// Whole federations of real processes, small enough to take a second each.

#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>
#include <utility>

#include <dirent.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <signal.h>

#include "common/base/digest.h"
#include "common/base/text.h"
#include "common/learn/network.h"
#include "common/model/graph.h"
#include "simulations/children.h"
#include "simulations/progress.h"
#include "tests/learn/ort.h"
#include "tests/simulations/support.h"

namespace tributary::simulation {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

const Path kPrograms = TRIBUTARY_PROGRAMS;

// Pids of all processes whose command line contains `text`.
std::vector<pid_t> processes_with(const std::string& text) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto pid = parse_int(entry.path().filename().string());
    if (!pid) continue;
    std::ifstream in(entry.path() / "cmdline");  // empty when it has just ended
    const std::string line{std::istreambuf_iterator<char>(in), {}};
    if (line.find(text) != std::string::npos) found.push_back(static_cast<pid_t>(*pid));
  }
  return found;
}

class SimulateTest : public testing::Test {
 protected:
  // Three classes, apart along the diagonal: linear softmax learns them in a few rounds.
  SimulateTest() {
    std::string rows = "a,b,label\n";
    for (int i = 0; i < 240; ++i) {
      const int label = i % 3;
      rows += std::to_string(label * 2 + (i % 7) * 0.1) + "," + std::to_string(label - (i % 5) * 0.1) + "," +
              std::to_string(label) + "\n";
    }
    const std::string file = folder_.write("rows.csv", rows).string();
    scenario_ = folder_.write("tiny.conf",
                              "model = linear:2-3\nrounds = 3\n"
                              "[simulation]\nparticipants = 4\nparticipants_per_process = 2\n"
                              "[data]\nformat = csv\nfile = " +
                                  file +
                                  "\nclasses = 3\n"
                                  "[evaluation]\nformat = csv\nfile = " +
                                  file +
                                  "\nclasses = 3\n"
                                  "[round]\nquorum = 0.5\nreturn_seconds = 0.2\n"
                                  "[training]\nlearning_rate = 0.2\nbatch_size = 8\n");
  }

  void simulate(const std::vector<std::string>& more = {}, const std::string& out = "run") {
    out_ = folder_ / out;
    std::vector<std::string> words = {scenario_.string(), "--out", out_.string()};
    words.insert(words.end(), more.begin(), more.end());
    ended_.reset();
    children_.start("simulate", kPrograms / "tributary-simulate", words, folder_ / "said");
  }

  bool is_over() {
    for (const Exit& exit : children_.reap()) ended_ = exit;
    return ended_.has_value();
  }

  void wait_until(const std::string& what, const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (!condition()) {
      ASSERT_FALSE(is_over()) << "ended before " << what << ": " << said();
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "no " << what << " in 60 s: " << said();
      std::this_thread::sleep_for(5ms);
    }
  }

  // Some participant holds a round up: for three seconds, a thousand times what a round takes, none has ended.
  void wait_until_no_round_ends() {
    std::size_t ended = 0;
    auto since = std::chrono::steady_clock::now();
    wait_until("a round that waits", [&] {
      const std::size_t now = rounds().size();
      if (std::exchange(ended, now) != now) since = std::chrono::steady_clock::now();
      return std::chrono::steady_clock::now() - since > 3s;
    });
  }

  int exit_code() {
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (!is_over() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(5ms);
    EXPECT_TRUE(ended_.has_value()) << "still runs after 60 s: " << said();
    return ended_ ? ended_->code : -1;
  }

  void interrupt() { children_.signal("simulate", SIGINT); }
  std::string said() const { return read_text_file(folder_ / "said"); }
  nlohmann::json report() const { return nlohmann::json::parse(read_text_file(out_ / "report.json")); }
  std::vector<coordinator::RoundRecord> rounds() const { return RoundTail(out_ / "rounds.jsonl").next(); }
  void expect_nothing_left() { EXPECT_THAT(processes_with(out_.string()), testing::IsEmpty()); }

  Folder folder_;
  Path scenario_, out_;
  Children children_;
  std::optional<Exit> ended_;
};

TEST_F(SimulateTest, AFederationLearnsAndLeavesItsFolder) {
  simulate();
  ASSERT_EQ(exit_code(), 0) << said();
  expect_nothing_left();
  EXPECT_EQ(rounds().size(), 3);
  const auto json = report();
  EXPECT_EQ(json["title"], "tiny");
  EXPECT_EQ(json["totals"]["updates"], 12);
  EXPECT_GT(json["final"]["edge"]["accuracy"], 0.6);
  EXPECT_EQ(json["configuration"]["simulation.participants"], "4");
  EXPECT_GT(json["participant_peak_rss_bytes"], 1'000'000);
  EXPECT_GT(json["coordinator_peak_rss_bytes"], 1'000'000);
  const std::string html = read_text_file(out_ / "report.html");
  EXPECT_EQ(fault_of_html(html), "");
  EXPECT_THAT(html, HasSubstr("Who holds what"));
  for (const char* file : {"global.onnx", "edge.onnx"}) EXPECT_GT(std::filesystem::file_size(out_ / file), 0) << file;
  EXPECT_THAT(said(), HasSubstr("report.html"));
}

TEST_F(SimulateTest, EqualSeedsGiveEqualModelsHoweverManyShareAProcess) {
  std::vector<std::string> digests;
  for (const char* per_process : {"1", "2", "4"}) {
    simulate({"--set", std::string("simulation.participants_per_process=") + per_process},
             std::string("run") + per_process);
    ASSERT_EQ(exit_code(), 0) << said();
    digests.push_back(report()["final"]["model_digest"]);
  }
  EXPECT_EQ(digests[0], digests[1]);
  EXPECT_EQ(digests[0], digests[2]);
}

TEST_F(SimulateTest, InOneProcessItIsTheSameModelWithAnyNumberOfWorkers) {
  simulate();
  ASSERT_EQ(exit_code(), 0) << said();
  const auto apart = report();
  for (const char* workers : {"1", "2", "4"}) {
    simulate({"--engine", "inline", "--set", std::string("simulation.workers=") + workers},
             std::string("inline") + workers);
    ASSERT_EQ(exit_code(), 0) << said();
    EXPECT_EQ(report()["final"]["model_digest"], apart["final"]["model_digest"]) << workers;
    EXPECT_EQ(report()["final"]["edge"], apart["final"]["edge"]) << workers;
    EXPECT_EQ(report()["totals"]["updates"], 12);
  }
  EXPECT_EQ(fault_of_html(read_text_file(out_ / "report.html")), "");
  EXPECT_THAT(read_text_file(out_ / "report.html"), HasSubstr("Who holds what"));
  for (const char* file : {"global.onnx", "edge.onnx"}) EXPECT_GT(std::filesystem::file_size(out_ / file), 0) << file;
}

TEST_F(SimulateTest, SimulatedTimeReplaysExactlyWithAnyNumberOfWorkers) {
  std::vector<std::string> records;
  for (const char* workers : {"1", "2", "4"}) {
    simulate({"--engine", "inline",
              "--set",    std::string("simulation.workers=") + workers,
              "--set",    "rounds=12",
              "--set",    "simulation.participants=12",
              "--set",    "round.cohort=4",
              "--set",    "round.overselect=1.5",
              "--set",    "round.participants=4",
              "--set",    "simulation.latency_ms=lognormal:50,1",
              "--set",    "simulation.bandwidth_mbps=uniform:0.1,1",
              "--set",    "simulation.stragglers=0.3",
              "--set",    "simulation.examples_per_second=lognormal:10,0.5",
              "--set",    "simulation.online_seconds=uniform:10,60",
              "--set",    "simulation.offline_seconds=constant:5"},
             std::string("simulated") + workers);
    ASSERT_EQ(exit_code(), 0) << said();
    std::string all;
    for (coordinator::RoundRecord record : rounds()) {
      record.coordinator_rss_bytes = record.participant_peak_rss_bytes = 0;  // the machine's, not the simulation's
      all += coordinator::to_json(record) + "\n";
    }
    records.push_back(all);
    EXPECT_GT(report()["seconds"], 10.0);
  }
  EXPECT_EQ(records[0], records[1]);
  EXPECT_EQ(records[0], records[2]);
  EXPECT_THAT(records[0], HasSubstr("\"late\""));
}

TEST_F(SimulateTest, ANaturalPartitionGivesEveryParticipantItsOwnRowsInEitherEngine) {
  std::string rows = "who,a,b,label\n";
  for (int i = 0; i < 120; ++i) {
    rows += "user" + std::to_string(i % 4) + "," + std::to_string(i % 3) + "," + std::to_string(i % 5) + "," +
            std::to_string(i % 3) + "\n";
  }
  const std::string file = folder_.write("owned.csv", rows).string();
  std::vector<std::string> digests;
  for (const char* engine : {"inline", "processes"}) {
    simulate({"--engine", engine, "--set", "simulation.partition=natural:who", "--set", "data.file=" + file, "--set",
              "evaluation.file=" + file, "--set", "evaluation.holder=who"},
             engine);
    ASSERT_EQ(exit_code(), 0) << said();
    EXPECT_EQ(report()["totals"]["updates"], 12);
    digests.push_back(report()["final"]["model_digest"]);
  }
  EXPECT_EQ(digests[0], digests[1]);
}

TEST_F(SimulateTest, TrainingThroughTheEdgeCopiesRoundingIsTheSameInProcesses) {
  std::vector<std::string> digests;
  for (const char* engine : {"inline", "processes"}) {
    simulate({"--engine", engine, "--set", "training.quantization_aware=yes", "--set", "edge.bits=4", "--set",
              "edge.sparsity=0"},
             engine);
    ASSERT_EQ(exit_code(), 0) << said();
    EXPECT_GT(report()["final"]["edge"]["accuracy"], 0.6);
    digests.push_back(report()["final"]["model_digest"]);
  }
  EXPECT_EQ(digests[0], digests[1]);
  simulate({"--engine", "inline", "--set", "edge.bits=4", "--set", "edge.sparsity=0"}, "plain");
  ASSERT_EQ(exit_code(), 0) << said();
  EXPECT_NE(report()["final"]["model_digest"], digests[0]);
}

TEST_F(SimulateTest, TheCohortTeachesTheGlobalModelAndThatAStudentTheSameInProcesses) {
  const std::string rows = (folder_ / "rows.csv").string();
  std::vector<std::string> digests;
  for (const char* engine : {"inline", "processes"}) {
    simulate({"--engine", engine, "--set", "distillation.format=csv", "--set", "distillation.file=" + rows, "--set",
              "distillation.cohort=yes", "--set", "distillation.student=mlp:2-4-3", "--set", "distillation.every=2"},
             engine);
    ASSERT_EQ(exit_code(), 0) << said();
    const auto all = rounds();
    ASSERT_EQ(all.size(), 3U);
    EXPECT_FALSE(all[0].distilled || all[2].distilled);
    EXPECT_TRUE(all[1].distilled);
    EXPECT_FALSE(all[0].student.has_value());
    EXPECT_GT(all[1].student.value().accuracy, 0.3);
    EXPECT_EQ(report()["final"]["student"]["accuracy"], all[2].student.value().accuracy);
    const model::Graph student = model::Graph::load(out_ / "student.onnx");
    EXPECT_EQ(student.metadata.at("tributary.round"), "3");
    digests.push_back(report()["final"]["model_digest"].get<std::string>() + sha256(student.serialize()).hex());
  }
  EXPECT_EQ(digests[0], digests[1]);
}

// While the run goes on: the file of some round, of integers, that gives what our own executor gives.
TEST_F(SimulateTest, TheEdgeFileOfEveryRoundOpensInOnnxRuntimeAsAQuantisedModel) {
  using namespace learn::testing;
  if (const std::string reason = why_no_ort(); !reason.empty()) GTEST_SKIP() << reason;
  for (const char* bits : {"8", "4", "2"}) {
    simulate({"--engine", "inline", "--set", "rounds=0", "--set", "edge.file_every=1", "--set", "edge.feedback=no",
              "--set", std::string("edge.bits=") + bits, "--set", "model=mlp:2-16-3"},
             std::string("bits") + bits);
    wait_until("two rounds", [this] { return rounds().size() >= 2; });
    const Bytes onnx = read_file(out_ / "edge.onnx", 1 << 20);
    interrupt();
    EXPECT_EQ(exit_code(), 130) << said();
    const model::Graph edge = model::Graph::parse(onnx, "edge.onnx");
    EXPECT_TRUE(std::ranges::any_of(edge.nodes, [](const auto& node) { return node.op == "DequantizeLinear"; }));
    EXPECT_TRUE(std::ranges::any_of(edge.initializers,
                                    [](const auto& each) { return each.second.type == model::DType::Int8; }));
    const std::vector<float> features = {0.5F, -1, 2, 0.25F, 4, 1};
    const auto ours = learn::Network::compile(edge)->predict(edge.parameters(), features, 3);
    const auto theirs = run_on_ort({{onnx, {{edge.inputs.front().name, model::Tensor::floats({3, 2}, features)}}}});
    EXPECT_EQ(theirs.at(0).error, "");
    EXPECT_EQ(difference(model::Tensor::floats({3, 3}, ours.values), theirs.at(0).outputs.at(0), 1e-4), "");
  }
}

TEST_F(SimulateTest, AStudentOfOtherClassesIsRefusedBeforeTheFirstRound) {
  for (const char* engine : {"inline", "processes"}) {
    simulate({"--engine", engine, "--set", "distillation.format=csv", "--set",
              "distillation.file=" + (folder_ / "rows.csv").string(), "--set", "distillation.student=linear:2-4"},
             std::string("refused-") + engine);
    EXPECT_NE(exit_code(), 0);
    EXPECT_THAT(said(), HasSubstr("distillation.student gives 4 answers where the model gives 3"));
  }
}

TEST_F(SimulateTest, InOneProcessItStopsInOrderWhenInterrupted) {
  simulate({"--engine", "inline", "--set", "rounds=0"});
  wait_until("a second round", [this] { return rounds().size() >= 2; });
  interrupt();
  EXPECT_EQ(exit_code(), 130) << said();
  EXPECT_EQ(report()["ended"], "interrupted");
}

TEST_F(SimulateTest, SimulatedTimeThatStandsStillSaysWhy) {
  simulate({"--engine", "inline", "--set", "round.participants=4", "--set", "simulation.online_seconds=constant:1",
            "--set", "simulation.offline_seconds=constant:1000000", "--set", "session.ping_seconds=600"});
  EXPECT_EQ(exit_code(), 1) << said();
  EXPECT_THAT(said(), HasSubstr("round.participants"));
}

TEST_F(SimulateTest, ASweepRunsEveryCombinationAndGoesOnWhereItStopped) {
  const std::vector<std::string> words = {"--grid", "training.learning_rate=0.1,0.2", "--seeds",
                                          "2",      "--target.metric=edge.accuracy",  "--target.value=0.5"};
  simulate(words, "sweep");
  ASSERT_EQ(exit_code(), 0) << said();
  const auto sweep = nlohmann::json::parse(read_text_file(out_ / "sweep.json"));
  ASSERT_EQ(sweep["combinations"].size(), 2);
  EXPECT_EQ(sweep["combinations"][1]["runs"].size(), 2);
  EXPECT_EQ(fault_of_html(read_text_file(out_ / "sweep.html")), "");

  // Of the four runs one was lost, one is half of one.
  const Path lost = out_ / "learning_rate=0.1" / "seed-1", half = out_ / "learning_rate=0.2" / "seed-2";
  const Path kept = out_ / "learning_rate=0.2" / "seed-1" / "report.json";
  const auto written = std::filesystem::last_write_time(kept);
  std::filesystem::remove_all(lost);
  std::filesystem::remove(half / "report.json");
  simulate(words, "sweep");
  ASSERT_EQ(exit_code(), 0) << said();
  EXPECT_EQ(std::filesystem::last_write_time(kept), written);
  EXPECT_THAT(said(), HasSubstr("(done before)"));
  const auto again = nlohmann::json::parse(read_text_file(out_ / "sweep.json"));
  for (int c = 0; c < 2; ++c) {
    for (int s = 0; s < 2; ++s) {
      EXPECT_EQ(again["combinations"][c]["runs"][s]["model_digest"],
                sweep["combinations"][c]["runs"][s]["model_digest"]);
    }
  }
}

TEST_F(SimulateTest, ASweepNeverRemovesAFinishedRunOfAnotherConfiguration) {
  simulate({"--seeds", "1"}, "sweep");
  ASSERT_EQ(exit_code(), 0) << said();
  simulate({"--seeds", "1", "--set", "rounds=2"}, "sweep");
  EXPECT_EQ(exit_code(), 2);
  EXPECT_THAT(said(), HasSubstr("another configuration"));
  EXPECT_TRUE(std::filesystem::exists(out_ / "base" / "seed-1" / "report.json"));
}

TEST_F(SimulateTest, AFolderThatHoldsARunIsRefused) {
  simulate();
  ASSERT_EQ(exit_code(), 0) << said();
  simulate();
  EXPECT_EQ(exit_code(), 2);
  EXPECT_THAT(said(), HasSubstr("holds a run already"));
}

TEST_F(SimulateTest, InterruptedItStopsInOrderAndLeavesNoProcess) {
  simulate({"--set", "rounds=0"});
  wait_until("a second round", [this] { return rounds().size() >= 2; });
  EXPECT_GE(processes_with(out_.string()).size(), 4);  // ourselves, the coordinator, two with participants
  interrupt();
  EXPECT_EQ(exit_code(), 130) << said();
  expect_nothing_left();
  EXPECT_THAT(report()["ended"].get<std::string>(), HasSubstr("interrupted"));
}

TEST_F(SimulateTest, KilledItLeavesNoProcess) {
  simulate({"--set", "rounds=0"});
  wait_until("a first round", [this] { return !rounds().empty(); });
  children_.signal("simulate", SIGKILL);
  EXPECT_EQ(exit_code(), 137);
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!processes_with(out_.string()).empty() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(5ms);
  }
  expect_nothing_left();
}

TEST_F(SimulateTest, RoundsCloseAtTheQuorumWhenParticipantsAreKilled) {
  simulate({"--set", "rounds=0"});
  wait_until("a first round", [this] { return !rounds().empty(); });
  const std::vector<pid_t> half = processes_with((out_ / "bundles" / "0001").string());
  ASSERT_EQ(half.size(), 1);
  // Killed between two rounds they would not be selected for the second: so they hold one up first.
  ASSERT_EQ(::kill(half[0], SIGSTOP), 0);
  wait_until_no_round_ends();
  ASSERT_EQ(::kill(half[0], SIGKILL), 0);
  const auto closed_without_them = [this] {
    const auto all = rounds();
    return std::any_of(all.begin(), all.end(), [](const auto& record) {
      return record.published && record.accepted == 2 && record.selected == 4 && record.refused.contains("vanished");
    });
  };
  wait_until("a round at the quorum", closed_without_them);
  wait_until("a round of the two that are left",
             [this] { return rounds().back().selected == 2 && rounds().back().published; });
  interrupt();
  EXPECT_EQ(exit_code(), 130);
  EXPECT_THAT(said(), HasSubstr("participants-1 was ended by signal 9"));
  expect_nothing_left();
}

// The round that a participant's residual on disk is of; 0 = there is none.
std::uint64_t round_of_residual(const Path& file) {
  constexpr std::size_t kMagicBytes = 8;
  std::ifstream in(file, std::ios::binary);
  std::uint32_t run_bytes = 0;
  std::uint64_t round = 0;
  in.ignore(kMagicBytes);
  in.read(reinterpret_cast<char*>(&run_bytes), sizeof run_bytes);
  in.ignore(run_bytes);
  in.read(reinterpret_cast<char*>(&round), sizeof round);
  return in ? round : 0;
}

TEST_F(SimulateTest, AProcessThatIsKilledAndStartedAgainChangesNothing) {
  // Long enough to be killed in the middle of.
  const std::vector<std::string> words = {"--set", "training.epochs=4000",   "--set", "simulation.restarts=1",
                                          "--set", "round.return_seconds=60"};
  simulate(words, "undisturbed");
  ASSERT_EQ(exit_code(), 0) << said();
  const auto undisturbed = report();

  simulate(words, "disturbed");
  wait_until("a round that is behind the second process", [this] {
    const std::uint64_t done = rounds().size();
    return done >= 1 && round_of_residual(out_ / "state" / "p0002.residual") == done &&
           round_of_residual(out_ / "state" / "p0003.residual") == done;
  });
  const std::vector<pid_t> second = processes_with((out_ / "bundles" / "0001").string());
  ASSERT_EQ(second.size(), 1);
  ASSERT_EQ(::kill(second[0], SIGKILL), 0);
  ASSERT_EQ(exit_code(), 0) << said();
  EXPECT_THAT(said(), HasSubstr("started again (1 of 1)"));
  EXPECT_EQ(report()["totals"]["updates"], 12);
  EXPECT_EQ(report()["final"]["model_digest"], undisturbed["final"]["model_digest"]);
  expect_nothing_left();
}

TEST_F(SimulateTest, AModelThatDoesNotFitTheExamplesIsDeclinedWithTheReason) {
  std::string without = read_text_file(scenario_);
  without.erase(without.find("[evaluation]"), without.find("[round]") - without.find("[evaluation]"));
  write_text_file(scenario_, without);
  simulate({"--set", "model=linear:3-3", "--set", "rounds=1"});
  EXPECT_EQ(exit_code(), 0) << said();
  EXPECT_THAT(said(), HasSubstr("declined: input 'x' of model 'linear:3-3' does not take examples of 2 val"));
  EXPECT_EQ(report()["totals"]["published"], 0);
  expect_nothing_left();
}

struct Mistake {
  const char* setting;
  const char* message;
};

class BadScenarioTest : public SimulateTest, public testing::WithParamInterface<Mistake> {};

TEST_P(BadScenarioTest, IsOneLineThatSaysWhatToDo) {
  simulate({"--set", GetParam().setting});
  EXPECT_EQ(exit_code(), 2) << said();
  EXPECT_THAT(said(), HasSubstr(GetParam().message));
  const std::string line = said();
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << line;
  EXPECT_FALSE(std::filesystem::exists(out_));
}

INSTANTIATE_TEST_SUITE_P(, BadScenarioTest,
                         testing::Values(Mistake{"simulation.participant=3", "simulation.participants"},
                                         Mistake{"simulation.participants=0", "simulation.participants"},
                                         Mistake{"simulation.participants=1000", "1000"},
                                         Mistake{"simulation.partition=shard:2", "shards"},
                                         Mistake{"training.loss=cross_entrpy", "cross_entropy"},
                                         Mistake{"simulation.latency_ms=constant:5", "--engine inline"},
                                         Mistake{"simulation.stragglers=0.5", "simulation.examples_per_second"},
                                         Mistake{"rounds=many", "rounds"}));

}  // namespace
}  // namespace tributary::simulation
