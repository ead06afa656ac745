// Whole federations of real processes, small enough to take a second each.

#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

#include <dirent.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <signal.h>

#include "common/base/text.h"
#include "simulations/children.h"
#include "simulations/progress.h"
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
                                         Mistake{"rounds=many", "rounds"}));

}  // namespace
}  // namespace tributary::simulation
