// Random histories of a round against what must hold in every one of them.
#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "common/base/random.h"
#include "coordinator/round.h"

namespace tributary::coordinator {
namespace {

// Draws terms, participants and events from a seed, and watches the actions.
class History {
 public:
  explicit History(std::uint64_t seed) : random_(seed, "history"), round_(draw_terms(), draw_selected()) {}

  void run() {
    watch(round_.start(now_, draw_connected()));
    // Long enough for many histories to go on well after the end.
    for (std::uint64_t events = random_.below(80); events > 0; --events) {
      advance_time();
      feed_event();
    }
    // A server that does nothing but wake up when it is told to brings every round to its end.
    // A round that did not get on would be woken for ever, but check_state() has seen it then.
    while (round_.next_wake() && !::testing::Test::HasFailure()) {
      now_ = *round_.next_wake();
      watch(round_.tick(now_));
    }
    check_end();
  }

  bool published() const { return published_; }
  bool cancelled() const { return cancelled_; }

 private:
  RoundTerms draw_terms() {
    RoundTerms terms;
    terms.goal = static_cast<std::uint32_t>(1 + random_.below(6));
    terms.quorum = static_cast<std::uint32_t>(random_.below(terms.goal + 1));
    terms.deadline = TimePoint(Duration(10 + random_.below(60)));
    terms.return_window = Duration(random_.below(12));
    return terms;
  }
  static std::string name(std::uint64_t i) { return std::string(1, static_cast<char>('a' + i)); }
  std::vector<std::string> draw_selected() {
    std::vector<std::string> selected;
    for (std::uint64_t i = random_.below(9); i > 0; --i) selected.push_back(name(i - 1));
    return selected;
  }
  std::vector<std::string> draw_connected() {
    std::vector<std::string> connected;
    for (std::uint64_t i = 0; i < 10; ++i)
      if (random_.below(4) > 0) connected.push_back(name(i));
    return connected;
  }

  // Mostly the server wakes up in time; sometimes an event comes first, after windows and deadline have passed.
  void advance_time() {
    const TimePoint next = now_ + Duration(random_.below(random_.below(50) == 0 ? 100 : 3));
    const bool punctual = random_.below(4) > 0;
    while (punctual && round_.next_wake() && *round_.next_wake() <= next && !::testing::Test::HasFailure()) {
      now_ = *round_.next_wake();
      watch(round_.tick(now_));
    }
    now_ = next;
  }

  void feed_event() {
    const std::string who = name(random_.below(10));
    if (random_.below(300) == 0) {
      cancelled_ = cancelled_ || !ended_;
      return watch(round_.cancel("interrupted"));
    }
    switch (random_.below(12)) {
      case 0:
      case 1:
        return watch(round_.joined(who, now_));
      case 2:
      case 3:
        at_work_.erase(who);
        return watch(round_.left(who, now_));
      case 4:
        at_work_.erase(who);
        return watch(round_.declined(who, "no examples", now_));
      case 5:
        return feed_update(who, false);
      case 6:
      case 7:
        return watch(round_.tick(now_));
      default:
        return feed_update(who, true);
    }
  }

  // An update is answered once, and counted only when it is good, in time, and its participant's first.
  void feed_update(const std::string& who, bool good) {
    const bool open = round_.is_open_for(who);
    at_work_.erase(who);
    const Actions actions = good ? round_.arrived(who, now_) : round_.bad_update(who, "not_finite", now_);
    int counts = 0, refusals = 0;
    for (const Action& action : actions) {
      counts += std::holds_alternative<CountUpdate>(action);
      refusals += std::holds_alternative<RefuseUpdate>(action);
    }
    EXPECT_EQ(counts + refusals, 1);
    EXPECT_TRUE(counts == 0 || (good && open && now_ < round_.terms().deadline));
    watch(actions);
  }

  void watch(const Actions& actions) {
    for (const Action& action : actions) {
      const bool is_answer = std::holds_alternative<RefuseUpdate>(action) || std::holds_alternative<TellClosed>(action);
      EXPECT_TRUE(is_answer || !ended_) << "an action after the end";
      if (const auto* count = std::get_if<CountUpdate>(&action)) {
        EXPECT_TRUE(counted_.insert(count->participant).second) << count->participant << " counted twice";
      }
      if (const auto* offer = std::get_if<SendOffer>(&action)) at_work_.insert(offer->participant);
      if (!std::holds_alternative<Publish>(action) && !std::holds_alternative<Abort>(action)) continue;
      published_ = std::holds_alternative<Publish>(action);
      ended_ = true;
      EXPECT_EQ(&action, &actions.back()) << "the end is the last action";
    }
    check_state();
  }

  void check_state() const {
    EXPECT_EQ(round_.ended(), ended_);
    EXPECT_EQ(round_.accepted(), counted_.size());
    if (ended_) {
      EXPECT_EQ(round_.next_wake(), std::nullopt);
      return;
    }
    for (const auto& who : at_work_) EXPECT_TRUE(round_.is_open_for(who)) << who << " is at work, but given up";
    EXPECT_LT(round_.accepted(), round_.terms().goal) << "the goal is reached, but the round goes on";
    EXPECT_LT(now_, round_.terms().deadline) << "open after its deadline";
    EXPECT_GT(round_.next_wake(), now_);
    EXPECT_LE(round_.next_wake(), round_.terms().deadline);
  }

  void check_end() const {
    EXPECT_TRUE(ended_);
    std::uint64_t accounted = round_.accepted();
    for (const auto& [reason, count] : round_.refused()) accounted += count;
    EXPECT_EQ(accounted, round_.selected());
    const bool enough = round_.accepted() >= std::max(1u, round_.terms().quorum);
    EXPECT_TRUE(enough || !published_) << "published below the quorum";
    EXPECT_TRUE(!enough || published_ || cancelled_) << "given up in spite of the quorum";
  }

  RandomStream random_;
  TimePoint now_{};
  Round round_;
  std::set<std::string> counted_;
  std::set<std::string> at_work_;  // were sent an offer, and neither left nor answered since
  bool ended_ = false, published_ = false, cancelled_ = false;
};

TEST(RoundProperty, EveryHistoryEndsOnceAndCountsNobodyTwice) {
  constexpr int kHistories = 20'000;
  int published = 0, cancelled = 0;
  for (std::uint64_t seed = 0; seed < kHistories; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    History history(seed);
    history.run();
    if (::testing::Test::HasFailure()) return;
    published += history.published();
    cancelled += history.cancelled();
  }
  // The histories reach every kind of end, each often.
  EXPECT_GT(published, kHistories / 10);
  EXPECT_GT(cancelled, kHistories / 100);
  EXPECT_LT(published + cancelled, kHistories * 9 / 10);
}

}  // namespace
}  // namespace tributary::coordinator
