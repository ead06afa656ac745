#include "common/net/runtime.h"

#include <atomic>
#include <future>
#include <stdexcept>
#include <thread>

#include <gmock/gmock.h>

#include "common/net/simulated_runtime.h"
#include "tests/net/harness.h"

namespace tributary::net {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;

asio::awaitable<void> note_after(Runtime& runtime, Duration delay, std::vector<std::string>& notes, std::string note) {
  co_await runtime.sleep_until(runtime.clock().now() + delay);
  notes.push_back(std::move(note));
}

asio::awaitable<void> work_elsewhere(Runtime& runtime, std::thread::id& worker, std::thread::id& back) {
  co_await runtime.on_worker([&] { worker = std::this_thread::get_id(); });
  back = std::this_thread::get_id();
}

asio::awaitable<void> failing_work(Runtime& runtime) {
  co_await runtime.on_worker([] { fail(Error::Kind::Corrupt, "the work says no"); });
}

asio::awaitable<void> throw_something() {
  throw std::logic_error("nobody caught me");
  co_return;
}

TEST(Runtime, SleepersWakeInTheOrderOfTheirTimes) {
  const SystemClock clock;
  const auto runtime = make_runtime(clock, 1);
  std::vector<std::string> notes;
  EXPECT_THAT(run_together(*runtime, note_after(*runtime, milliseconds(4), notes, "later"),
                           note_after(*runtime, milliseconds(1), notes, "sooner"),
                           note_after(*runtime, seconds(-5), notes, "at once")),
              ElementsAre("", "", ""));
  EXPECT_THAT(notes, ElementsAre("at once", "sooner", "later"));
}

TEST(Runtime, WorkRunsOnAnotherThreadAndComesBack) {
  const SystemClock clock;
  const auto runtime = make_runtime(clock, 2);
  std::thread::id worker, back;
  EXPECT_THAT(run_together(*runtime, work_elsewhere(*runtime, worker, back)), ElementsAre(""));
  EXPECT_NE(worker, std::this_thread::get_id());
  EXPECT_EQ(back, std::this_thread::get_id());
}

TEST(Runtime, AnErrorOfTheWorkReachesTheCaller) {
  const SystemClock clock;
  const auto runtime = make_runtime(clock, 1);
  EXPECT_THAT(run_together(*runtime, failing_work(*runtime)), ElementsAre("corrupt: the work says no"));
}

TEST(Runtime, ATimerThatIsDestroyedDoesNotAct) {
  const SystemClock clock;
  const auto runtime = make_runtime(clock, 1);
  std::vector<std::string> acts;
  std::unique_ptr<Runtime::Timer> second;
  // Both are due; the first, when it acts, destroys the second, which has then already been queued.
  const auto first = runtime->at(clock.now() - milliseconds(2), [&] {
    acts.push_back("first");
    second.reset();
  });
  second = runtime->at(clock.now() - milliseconds(1), [&] { acts.push_back("second"); });
  const auto never = runtime->at(TimePoint::max(), [&] { acts.push_back("never"); });
  runtime->io().run();
  EXPECT_THAT(acts, ElementsAre("first"));
}

TEST(Gate, ClosesWhenAllHaveEnded) {
  const SystemClock clock;
  const auto runtime = make_runtime(clock, 1);
  Gate gate(runtime->io());
  std::vector<std::string> notes;
  gate.spawn("sleeper", note_after(*runtime, milliseconds(2), notes, "slept"));
  EXPECT_EQ(gate.running(), 1u);
  EXPECT_THAT(run_together(*runtime, gate.close()), ElementsAre(""));
  EXPECT_EQ(gate.running(), 0u);
  EXPECT_THAT(notes, ElementsAre("slept"));
}

TEST(Gate, ALeakedExceptionIsCountedAndEndsOnlyItsCoroutine) {
  const SystemClock clock;
  const auto runtime = make_runtime(clock, 1);
  Gate gate(runtime->io());
  gate.spawn("leaker", throw_something());
  EXPECT_THAT(run_together(*runtime, gate.close()), ElementsAre(""));
  EXPECT_EQ(gate.leaked_exceptions(), 1u);
}

// ---------------------------------------------------------------------------------------------- simulated

class SimulatedRuntimeTest : public testing::Test {
 protected:
  ManualClock clock_;
  SimulatedRuntime runtime_{clock_};
  Gate gate_{runtime_.io()};
  std::vector<std::string> notes_;
};

TEST_F(SimulatedRuntimeTest, AYearPassesAtOnce) {
  gate_.spawn("year", note_after(runtime_, hours(24 * 365), notes_, "a year"));
  gate_.spawn("day", note_after(runtime_, hours(24), notes_, "a day"));
  runtime_.run();
  EXPECT_THAT(notes_, ElementsAre("a day", "a year"));
  EXPECT_EQ(clock_.now(), TimePoint(hours(24 * 365)));
  EXPECT_EQ(gate_.running(), 0u);
}

TEST_F(SimulatedRuntimeTest, TimersOfOneInstantFireInTheOrderInWhichTheyWereSet) {
  for (const char* note : {"a", "b", "c"}) gate_.spawn(note, note_after(runtime_, seconds(1), notes_, note));
  runtime_.run();
  EXPECT_THAT(notes_, ElementsAre("a", "b", "c"));
}

TEST_F(SimulatedRuntimeTest, RunToStopsAtItsTime) {
  gate_.spawn("1", note_after(runtime_, seconds(1), notes_, "1 s"));
  gate_.spawn("2", note_after(runtime_, seconds(2), notes_, "2 s"));
  gate_.spawn("3", note_after(runtime_, seconds(3), notes_, "3 s"));
  runtime_.run_to(TimePoint(seconds(2)));
  EXPECT_THAT(notes_, ElementsAre("1 s", "2 s"));
  EXPECT_EQ(runtime_.timers(), 1u);
  EXPECT_EQ(clock_.now(), TimePoint(seconds(2)));
  EXPECT_FALSE(runtime_.run_until([&] { return notes_.size() == 4; }));
  EXPECT_EQ(notes_.size(), 3u);
}

TEST_F(SimulatedRuntimeTest, WorkRunsInPlace) {
  std::thread::id worker, back;
  gate_.spawn("work", work_elsewhere(runtime_, worker, back));
  runtime_.run();
  EXPECT_EQ(worker, std::this_thread::get_id());
}

asio::awaitable<void> work_and_note(Runtime& runtime, std::function<void()> work, std::vector<std::string>& notes,
                                    std::string note) {
  co_await runtime.on_worker(std::move(work));
  notes.push_back(note + " at " + std::to_string(runtime.clock().now().time_since_epoch().count()));
}

TEST_F(SimulatedRuntimeTest, WithWorkersWhoWaitsResumesInOrderWhicheverWorkEndsFirst) {
  ManualClock clock;
  SimulatedRuntime runtime(clock, 2);
  Gate gate(runtime.io());
  std::vector<std::string> notes;
  std::promise<void> second_done;
  gate.spawn("sleeper", note_after(runtime, seconds(1), notes, "timer"));
  gate.spawn("first", work_and_note(
                          runtime, [&] { second_done.get_future().wait(); }, notes, "first"));
  gate.spawn("second", work_and_note(
                           runtime, [&] { second_done.set_value(); }, notes, "second"));
  runtime.run();
  EXPECT_THAT(notes, ElementsAre("first at 0", "second at 0", "timer"));
}

asio::awaitable<void> note_beside(SimulatedRuntime& runtime, std::function<void()> work,
                                  std::vector<std::string>& notes) {
  try {
    const Duration took = co_await runtime.on_worker_beside(std::move(work));
    notes.push_back("done after " + std::to_string(took / seconds(1)));
  } catch (const Error& e) {
    notes.push_back(e.what());
  }
}

TEST_F(SimulatedRuntimeTest, WorkBesideTakesItsTimeAndHoldsUpNothing) {
  for (const unsigned workers : {0u, 1u}) {
    ManualClock clock;
    SimulatedRuntime runtime(clock, workers, seconds(5));
    Gate gate(runtime.io());
    std::vector<std::string> notes;
    // Were the clock to wait for the work, both would wait for ever.
    std::atomic<bool> may_end = workers == 0;
    const auto work = [&may_end] {
      while (!may_end) std::this_thread::yield();
    };
    gate.spawn("beside", note_beside(runtime, work, notes));
    const auto before = runtime.at(TimePoint{} + seconds(4), [&] {
      notes.push_back("a timer");
      may_end = true;
    });
    runtime.run();
    EXPECT_THAT(notes, ElementsAre("a timer", "done after 5")) << workers;
    EXPECT_EQ(clock.now(), TimePoint{} + seconds(5));
  }
}

TEST_F(SimulatedRuntimeTest, AnErrorOfWorkBesideReachesTheCaller) {
  for (const unsigned workers : {0u, 1u}) {
    ManualClock clock;
    SimulatedRuntime runtime(clock, workers);
    Gate gate(runtime.io());
    std::vector<std::string> notes;
    gate.spawn("beside", note_beside(
                             runtime, [] { fail(Error::Kind::Corrupt, "the work says no"); }, notes));
    runtime.run();
    EXPECT_THAT(notes, ElementsAre("the work says no"));
  }
}

TEST_F(SimulatedRuntimeTest, AnErrorOfWorkOnAPoolReachesTheCaller) {
  ManualClock clock;
  SimulatedRuntime runtime(clock, 1);
  Gate gate(runtime.io());
  const auto ending = std::make_shared<Ending>();
  gate.spawn("work", watch(failing_work(runtime), ending));
  runtime.run();
  EXPECT_THAT(ending->error, testing::HasSubstr("the work says no"));
}

TEST_F(SimulatedRuntimeTest, WorkThatNobodyAwaitsAnyMoreGoesWithItsPool) {
  ManualClock clock;
  auto runtime = std::make_unique<SimulatedRuntime>(clock, 1);
  std::vector<std::string> notes;
  auto gate = std::make_unique<Gate>(runtime->io());
  for (int i = 0; i < 3; ++i)
    gate->spawn("work", work_and_note(
                            *runtime, [] {}, notes, "never"));
  runtime->io().poll();
  gate.reset();  // io is never run again
  runtime.reset();
  EXPECT_THAT(notes, testing::IsEmpty());
}

TEST_F(SimulatedRuntimeTest, ADestroyedTimerIsForgotten) {
  auto timer = runtime_.at(TimePoint(seconds(1)), [&] { notes_.push_back("acted"); });
  timer.reset();
  runtime_.run();
  EXPECT_TRUE(notes_.empty());
  EXPECT_EQ(clock_.now(), TimePoint());
}

asio::awaitable<void> await_deadline(Channel& channel, TimePoint deadline, std::vector<std::string>& notes) {
  try {
    co_await channel.receive(deadline);
  } catch (const Error& e) {
    notes.emplace_back(e.what());
  }
}

TEST_F(SimulatedRuntimeTest, ALoopbackDeadlinePassesInSimulatedTime) {
  const auto [first, second] = loopback(runtime_, {"coordinator", "1", "a"}, {"alice", "2", "b"});
  gate_.spawn("receive", await_deadline(*first, TimePoint(hours(3)), notes_));
  runtime_.run();
  EXPECT_THAT(notes_, ElementsAre("lost alice at b: the deadline passed while waiting for it"));
  EXPECT_EQ(clock_.now(), TimePoint(hours(3)));
}

TEST_F(SimulatedRuntimeTest, NoWorkIsUnderWayWhenARunIsOver) {
  SimulatedRuntime runtime(clock_, 2);
  Gate gate(runtime.io());
  std::atomic<int> done = 0;
  const auto slow_work = [&done] {
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();
    ++done;
  };
  for (int i = 0; i < 5; ++i) gate.spawn("work", runtime.on_worker(slow_work));
  runtime.run_until([] { return true; });
  EXPECT_EQ(done, 5);
}

TEST_F(SimulatedRuntimeTest, ASleeperThatNeverWakesIsDestroyedWithItsRuntime) {
  auto runtime = std::make_unique<SimulatedRuntime>(clock_);
  auto gate = std::make_unique<Gate>(runtime->io());
  gate->spawn("sleeper", note_after(*runtime, hours(1), notes_, "woke"));
  runtime->run_to(TimePoint(seconds(1)));
  EXPECT_EQ(runtime->timers(), 1u);
  gate.reset();
  runtime.reset();
  EXPECT_TRUE(notes_.empty());
}

}  // namespace
}  // namespace tributary::net
