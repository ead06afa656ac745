#include "common/net/simulated_runtime.h"

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include <asio/async_result.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>

#include "common/base/error.h"

namespace tributary::net {

class SimulatedRuntime::Handle final : public Runtime::Timer {
 public:
  Handle(std::weak_ptr<Timers> timers, Timers::key_type key) : timers_(std::move(timers)), key_(key) {}
  ~Handle() override {
    if (const auto timers = timers_.lock()) timers->erase(key_);
  }

 private:
  std::weak_ptr<Timers> timers_;
  Timers::key_type key_;
};

// Threads that take work in the order in which it came, and who waits for it, in the same order.
class SimulatedRuntime::Pool {
 public:
  explicit Pool(unsigned workers) {
    for (unsigned i = 0; i < workers; ++i) threads_.emplace_back([this] { labour(); });
  }
  ~Pool() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  struct Job {
    explicit Job(std::function<void()> the_work) : work(std::move(the_work)) {}
    std::function<void()> work;
    bool done = false;
  };

  // `resume` is called by resume_oldest(). Both belong to the calling thread; only `work` runs elsewhere.
  void add(std::function<void()> work, std::function<void()> resume) {
    waiting_.push_back({start(std::move(work)), std::move(resume)});
  }

  // Work that idle() and resume_oldest() do not know of.
  std::shared_ptr<Job> start(std::function<void()> work) {
    auto job = std::make_shared<Job>(std::move(work));
    {
      const std::lock_guard lock(mutex_);
      to_do_.push_back(job);
    }
    changed_.notify_all();
    return job;
  }
  void wait_for(const Job& job) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return job.done; });
  }

  // Returns when no work is being done, nor waits to be.
  void wait_for_all() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return to_do_.empty() && under_way_ == 0; });
  }

  bool idle() const { return waiting_.empty(); }

  // Waits until the work that was added first is done, and lets go on who waits for it. REQUIRES: not idle.
  void resume_oldest() {
    Waiting oldest = std::move(waiting_.front());
    waiting_.pop_front();
    wait_for(*oldest.job);
    oldest.resume();
  }

 private:
  struct Waiting {
    std::shared_ptr<Job> job;
    std::function<void()> resume;
  };

  void labour() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return closed_ || !to_do_.empty(); });
      if (closed_) return;
      const std::shared_ptr<Job> job = std::move(to_do_.front());
      to_do_.pop_front();
      ++under_way_;
      lock.unlock();
      job->work();
      lock.lock();
      --under_way_;
      job->done = true;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Job>> to_do_;
  std::size_t under_way_ = 0;
  bool closed_ = false;
  std::deque<Waiting> waiting_;  // the calling thread's
  std::vector<std::thread> threads_;
};

SimulatedRuntime::SimulatedRuntime(ManualClock& clock, unsigned workers, Duration beside)
    : clock_(clock),
      beside_(beside),
      timers_(std::make_shared<Timers>()),
      io_(std::make_unique<asio::io_context>(1)),
      pool_(workers == 0 ? nullptr : std::make_unique<Pool>(workers)) {}

SimulatedRuntime::~SimulatedRuntime() = default;

asio::awaitable<void> SimulatedRuntime::sleep_until(TimePoint t) {
  bool woken = false;
  Signal wake(*io_);
  const auto timer = at(t, [&] {
    woken = true;
    wake.notify();
  });
  co_await wake.wait();
  if (!woken) fail(Error::Kind::Disconnected, "stopped while waiting");
}

asio::awaitable<void> SimulatedRuntime::on_worker(std::function<void()> work) {
  if (!pool_) {
    co_await asio::post(*io_, asio::use_awaitable);  // others get their turn, as with a real pool
    work();
    co_return;
  }
  std::exception_ptr failure;
  const auto start = [this, &work, &failure](auto handler) {
    // A std::function must be copyable, a handler is not.
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    pool_->add(
        [&work, &failure] {
          try {
            work();
          } catch (...) {
            failure = std::current_exception();
          }
        },
        [this, shared] { asio::post(*io_, std::move(*shared)); });
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(start, asio::use_awaitable);
  if (failure) std::rethrow_exception(failure);
}

asio::awaitable<Duration> SimulatedRuntime::on_worker_beside(std::function<void()> work) {
  std::exception_ptr failure, stopped;
  const auto careful = [&work, &failure] {
    try {
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  };
  std::shared_ptr<Pool::Job> job;
  if (pool_)
    job = pool_->start(careful);
  else
    careful();
  try {
    co_await sleep_until(clock_.now() + beside_);
  } catch (...) {
    stopped = std::current_exception();
  }
  if (job) pool_->wait_for(*job);
  if (failure) std::rethrow_exception(failure);
  if (stopped) std::rethrow_exception(stopped);
  co_return beside_;
}

std::unique_ptr<Runtime::Timer> SimulatedRuntime::at(TimePoint t, std::function<void()> action) {
  if (t == TimePoint::max()) return std::make_unique<Timer>();
  const Timers::key_type key{std::max(t, clock_.now()), next_id_++};
  timers_->emplace(key, std::move(action));
  return std::make_unique<Handle>(timers_, key);
}

// Runs what is ready.
void SimulatedRuntime::settle() {
  io_->restart();
  while (io_->poll() != 0) {
  }
}

void SimulatedRuntime::fire_next() {
  const auto first = timers_->begin();
  clock_.set(first->first.first);
  const auto action = std::move(first->second);
  timers_->erase(first);
  action();
}

void SimulatedRuntime::run() {
  run_until([] { return false; });
}

bool SimulatedRuntime::run_until(const std::function<bool()>& done) {
  for (;;) {
    settle();
    if (done()) {
      if (pool_) pool_->wait_for_all();
      return true;
    }
    if (pool_ && !pool_->idle()) {
      pool_->resume_oldest();
      continue;
    }
    if (timers_->empty()) return false;
    fire_next();
  }
}

void SimulatedRuntime::run_to(TimePoint t) {
  run_until([&] {
    const bool at_work = pool_ && !pool_->idle();
    return !at_work && (timers_->empty() || timers_->begin()->first.first > t);
  });
  if (t > clock_.now()) clock_.set(t);
}

}  // namespace tributary::net
