#include "coordinator/admin/watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "coordinator/admin/views.h"

namespace tributary::coordinator {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class WatchTest : public ::testing::Test {
 protected:
  WatchTest() : watch_(settings(), 199'210, clock_) {}
  static const Settings& settings() {
    static const Settings settings = [] {
      Settings s;
      s.federation = "orchard";
      s.rounds = 7;
      return s;
    }();
    return settings;
  }
  void finish(std::uint64_t round, bool published = true) {
    RoundRecord record;
    record.round = round;
    record.published = published;
    record.selected = 3;
    record.accepted = 2;
    record.refused = {{"late \"x\"", 1}};
    record.bytes_down = 100;
    record.global = Quality{0.5, 0.8};
    record.edge = Quality{0.6, 0.75};
    record.seconds.fold = 0.25;
    watch_.round_finished(record);
  }
  json status() { return json::parse(status_json(watch_.snapshot())); }

  ManualClock clock_;
  Watch watch_;
};

TEST_F(WatchTest, SaysWhatTheRoundsAreDoing) {
  EXPECT_EQ(status()["state"], "waiting");
  watch_.round_started(1, 3);
  watch_.update_arrived(1, 2, 3);
  EXPECT_EQ(status()["state"], "running");
  EXPECT_EQ(status()["arrived"], 2);
  finish(1);
  EXPECT_EQ(status()["round"], 0);
  watch_.paused(true);
  EXPECT_EQ(status()["state"], "paused");
  watch_.over("interrupted");
  EXPECT_EQ(status()["state"], "ended");
}

TEST_F(WatchTest, KnowsHowEachParticipantFares) {
  watch_.participant_joined("alice", "127.0.0.1:5", 600);
  watch_.participant_joined("bob", "127.0.0.1:6", 0);
  watch_.update_judged({"alice", 1, true, "", 500});
  watch_.update_judged({"bob", 1, false, "not finite", 0});
  watch_.participant_joined("carol", "127.0.0.1:7", 0);
  watch_.participant_left("carol");
  const json list = json::parse(participants_json(watch_.snapshot()));
  EXPECT_EQ(list[0]["state"], "contributing");
  EXPECT_EQ(list[0]["examples"], 500);
  EXPECT_EQ(list[1]["state"], "refused");
  EXPECT_EQ(list[1]["refused"], "not finite");
  EXPECT_EQ(list[2]["state"], "away");
}

TEST_F(WatchTest, RoundsAreTheRecordsThatAreNewer) {
  for (std::uint64_t round = 1; round <= 3; ++round) finish(round);
  EXPECT_EQ(json::parse(rounds_json(watch_.snapshot(), 0)).size(), 3u);
  const json newer = json::parse(rounds_json(watch_.snapshot(), 2));
  ASSERT_EQ(newer.size(), 1u);
  EXPECT_EQ(newer[0]["round"], 3);
}

TEST_F(WatchTest, KeepsBoundedMuch) {
  for (std::uint64_t round = 1; round <= Watch::kKeptRounds + 10; ++round) finish(round);
  EXPECT_EQ(watch_.snapshot().rounds.size(), Watch::kKeptRounds);
  EXPECT_EQ(watch_.snapshot().totals.published, Watch::kKeptRounds + 10);
}

TEST_F(WatchTest, EveryChangeGivesAVersion) {
  const auto before = watch_.version();
  watch_.update_arrived(1, 1, 2);
  EXPECT_GT(watch_.version(), before);
}

TEST_F(WatchTest, MetricsCountAndEscape) {
  finish(1);
  finish(2, false);
  const std::string text = metrics_text(watch_.snapshot());
  EXPECT_THAT(text, HasSubstr("tributary_rounds_total{outcome=\"aborted\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("tributary_updates_refused_total{reason=\"late \\\"x\\\"\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("tributary_phase_seconds_total{phase=\"fold\"} 0.5\n"));
  EXPECT_THAT(text, HasSubstr("tributary_accuracy{model=\"edge\"} 0.75\n"));
}

}  // namespace
}  // namespace tributary::coordinator
