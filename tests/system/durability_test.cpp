// kill -9 of real processes at random moments, and what the same commands make of what is left.
//
// TRIBUTARY_KILLS: how many of the coordinator; 20 when it is not set.
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <signal.h>

#include "common/base/random.h"
#include "common/base/text.h"
#include "coordinator/round_record.h"
#include "tests/system/programs.h"

namespace tributary::testing {
namespace {

using ::testing::HasSubstr;

constexpr const char* kNames[] = {"alice", "bob", "carol"};

std::string rows(int count) {
  std::string text = "a,b,c,label\n";
  for (int i = 0; i < count; ++i) {
    for (int f = 0; f < 3; ++f) text += std::to_string((f == i % 3 ? 1.0 : 0.0) + 0.01 * ((i * 7 + f * 13) % 29)) + ",";
    text += std::to_string(i % 3) + "\n";
  }
  return text;
}

class Durability : public ::testing::Test {
 protected:
  Durability() {
    place_.write("rows.csv", rows(300));
    EXPECT_EQ(place_.run("tributary-coordinator init orchard --name orchard").code, 0);
    EXPECT_EQ(place_.run("tributary-coordinator enroll orchard alice bob carol --out bundles").code, 0);
  }

  // Keys that change the model come with every start.
  void begin(const std::string& folder, int rounds, const std::string& more = "") {
    folder_ = folder;
    keys_ =
        "--model=mlp:3-40-3 --round.participants=3 --round.cohort=3 --round.quorum=3 --training.batch_size=1 "
        "--training.epochs=3 --server.momentum=0.5 --store.checkpoint_rounds=3 --rounds=" +
        std::to_string(rounds) + " " + more;
    port_ = "0";
    start_coordinator();
    const std::string address(trim(place_.await_file(folder_ + "/coordinator.address")));
    port_ = address.substr(address.rfind(':') + 1);
    for (const char* name : kNames) start_participant(name);
  }
  void start_coordinator() {
    place_.start("coordinator",
                 "tributary-coordinator run orchard --out " + folder_ + " --listen.port=" + port_ + " " + keys_);
  }
  void start_participant(const std::string& name) {
    place_.start(name, "tributary-participant run --bundle bundles/" + name + ".bundle --server 127.0.0.1:" + port_ +
                           " --state state-" + folder_ +
                           " --retry.seconds=0.02 --retry.max_seconds=0.1 "
                           "--data.format=csv --data.file=rows.csv --data.classes=3");
  }
  void kill(const std::string& name) {
    if (place_.alive(name)) place_.signal(name, SIGKILL);
    place_.wait(name);
  }
  nlohmann::json inspection() {
    const Said said = place_.run("tributary-coordinator inspect " + folder_ + " --json");
    EXPECT_EQ(said.code, 0) << said.text;
    return nlohmann::json::parse(said.text);
  }
  std::vector<std::string> digests() {
    std::vector<std::string> all;
    const std::string text = read_text_file(place_ / (folder_ + "/rounds.jsonl"));
    for (const auto line : split(trim(text), '\n'))
      all.push_back(coordinator::record_from_json(line, "rounds.jsonl").model_digest.hex());
    return all;
  }
  // What a participant was told, in all its lives.
  void note_verdicts(const std::string& name) {
    const std::string text = place_.log(name);
    for (const auto line : split(text, '\n')) {
      if (!line.ends_with("accepted")) continue;
      const std::string_view word = line.substr(line.find("round ") + 6);
      accepted_[name].insert(static_cast<std::uint64_t>(*parse_int(word.substr(0, word.find(' ')))));
    }
  }

  Workplace place_;
  std::string folder_, keys_, port_;
  std::map<std::string, std::set<std::uint64_t>> accepted_;
};

TEST_F(Durability, KillsAtRandomMomentsChangeNothing) {
  const char* asked = std::getenv("TRIBUTARY_KILLS");
  const int kills = asked ? std::atoi(asked) : 20;
  RandomStream random(23, "kills");
  begin("killed", 100000);
  int participants = 0;
  for (int done = 0; done < kills; ++done) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + random.below(250)));
    if (random.below(4) == 0) {
      const std::string name = kNames[random.below(3)];
      note_verdicts(name);
      kill(name);
      start_participant(name);
      ++participants;
    }
    ASSERT_TRUE(place_.alive("coordinator")) << place_.log("coordinator");
    kill("coordinator");
    start_coordinator();
  }
  kill("coordinator");
  const auto rounds = static_cast<std::size_t>(inspection()["rounds"].size() + 3);
  keys_ += "--rounds=" + std::to_string(rounds);
  start_coordinator();
  ASSERT_EQ(place_.wait("coordinator"), 0) << place_.log("coordinator");
  const auto killed = digests();
  const auto it = inspection();
  EXPECT_EQ(it["rounds"].size(), rounds);
  for (const auto& round : it["rounds"]) EXPECT_EQ(round["accepted"], 3) << round["round"];
  EXPECT_EQ(it["ended"], std::to_string(rounds) + " rounds");
  for (const char* name : kNames) {
    place_.wait(name);
    note_verdicts(name);
    EXPECT_LE(accepted_[name].size(), rounds);
  }

  begin("whole", static_cast<int>(rounds));
  ASSERT_EQ(place_.wait("coordinator"), 0) << place_.log("coordinator");
  for (const char* name : kNames) place_.wait(name);
  EXPECT_EQ(killed.size(), rounds);
  EXPECT_EQ(killed, digests());
  std::cout << kills << " kills of the coordinator, " << participants << " of participants, " << rounds
            << " rounds: same models\n";
}

TEST_F(Durability, AFinishedRunIsRefusedAndAnotherConfigurationIsNamed) {
  begin("run", 100000);
  place_.wait_for("alice", "round 2 ");
  kill("coordinator");
  const std::string again = "tributary-coordinator run orchard --out run --listen.port=" + port_ + " " + keys_;
  const Said other = place_.run(again + " --training.learning_rate=0.7");
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.text, HasSubstr("run was begun with training.learning_rate = 0.1, not 0.7"));
  const Said another = place_.run(again + " --seed=9");
  EXPECT_THAT(another.text, HasSubstr("seed = 1, not 9"));
  // Keys that change no model may change: it goes on to its new end.
  place_.start("coordinator", again + " --rounds=5");
  EXPECT_EQ(place_.wait("coordinator"), 0) << place_.log("coordinator");
  EXPECT_THAT(place_.log("coordinator"), HasSubstr("goes on with run "));
  EXPECT_GE(digests().size(), 5U);
  const Said finished = place_.run(again);
  EXPECT_EQ(finished.code, 2);
  EXPECT_THAT(finished.text, HasSubstr("holds a run that has ended"));
}

TEST_F(Durability, AnInterruptedRunGoesOn) {
  begin("run", 100000);
  place_.wait_for("alice", "round 2 ");
  const std::string again = "tributary-coordinator run orchard --out run --listen.port=" + port_ + " " + keys_;
  EXPECT_THAT(place_.run(again).text, HasSubstr("another coordinator runs in run"));
  place_.signal("coordinator", SIGTERM);
  EXPECT_EQ(place_.wait("coordinator"), 130);
  const std::size_t before = digests().size();
  EXPECT_TRUE(place_.alive("alice")) << "it comes back: " << place_.log("alice");
  place_.start("coordinator", again + " --rounds=" + std::to_string(before + 3));
  EXPECT_EQ(place_.wait("coordinator"), 0) << place_.log("coordinator");
  EXPECT_EQ(digests().size(), before + 3);
}

TEST_F(Durability, DamageIsNamedByInspectAndByTheNextStart) {
  begin("run", 100000);
  place_.wait_for("alice", "round 3 ");
  kill("coordinator");
  EXPECT_TRUE(inspection()["damage"].empty());
  std::string history = read_text_file(place_ / "run/store/history");
  history[history.size() / 3] ^= 8;
  place_.write("run/store/history", history);
  const Said said = place_.run("tributary-coordinator inspect run");
  EXPECT_EQ(said.code, 1);
  EXPECT_THAT(said.text, HasSubstr("damaged: run/store/history: damaged at byte "));
  const Said start = place_.run("tributary-coordinator run orchard --out run --listen.port=" + port_ + " " + keys_);
  EXPECT_EQ(start.code, 1);
  EXPECT_THAT(start.text, HasSubstr("run/store/history: damaged at byte "));
}

}  // namespace
}  // namespace tributary::testing
