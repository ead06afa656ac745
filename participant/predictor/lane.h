// participant/predictor/lane.h
//
// The way of requests to one model: a bounded queue in front of the inferences that may run at a time.
//
// Single mode: a request runs alone, at once on the thread that brings it while an inference is free, otherwise in its
// turn. Batch mode: requests are gathered until there are max_batch examples, or the first has waited max_delay, and
// answered together. A batch takes the deployment in force when it begins, so that every answer is of one model, and a
// new deployment never waits for requests nor drops one.
//
// The planned executor (common/learn) adds in the same order whatever the batch, so that an answer has the same bits
// alone and in a batch; models that LibTorch runs give the same up to rounding.
//
// Any thread; runs on the threads of `io`, which needs one more than `slots`, so that reading and refusing go on while
// all inferences run. Jobs that wait when io ends are never answered.
#pragma once

#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "common/base/clock.h"
#include "participant/predictor/engine.h"

namespace tributary::predictor {

struct LaneOptions {
  bool batch = false;
  std::size_t max_batch = 32;  // examples; batch mode
  Duration max_delay = std::chrono::milliseconds(2);
  std::size_t max_waiting = 256;  // requests
  unsigned slots = 1;             // inferences at a time
};

struct Prediction {
  DeploymentPtr deployment;
  std::span<const float> values;  // of this request; until the call returns
  std::vector<std::int64_t> shape;
  std::exception_ptr failure;  // then nothing above counts
};

struct Job {
  std::shared_ptr<const Engine> engine;  // that the features were made for
  std::vector<float> features;
  std::size_t examples = 0;
  std::function<void(const Prediction&)> done;
  TimePoint arrived{};
};

struct LaneCounts {
  std::uint64_t requests = 0, examples = 0, batches = 0, refused = 0, swaps = 0;
  std::size_t waiting = 0;
  double busy_seconds = 0;
};

class Lane : public std::enable_shared_from_this<Lane> {
 public:
  Lane(asio::io_context& io, const LaneOptions& options);

  // From the next inference on.
  void install(DeploymentPtr deployment);
  // Null before the first.
  DeploymentPtr current() const;

  // False, and the job untouched, when max_waiting requests wait. `done` is called once, perhaps before this returns.
  // REQUIRES: current().
  bool submit(Job& job);

  LaneCounts counts() const;

 private:
  using Lock = std::unique_lock<std::mutex>;
  bool ready(TimePoint now) const;
  void schedule(Lock& lock);
  void arm_timer();
  void run(Lock lock);
  std::vector<Job> take();
  struct Result {
    learn::Network::Output output;
    std::size_t examples = 0;
    std::exception_ptr failure;
  };
  static Result infer(const Deployment& deployment, const std::vector<Job>& jobs);
  static void tell(const DeploymentPtr& deployment, const std::vector<Job>& jobs, const Result& result);

  asio::io_context& io_;
  const LaneOptions options_;
  mutable std::mutex mutex_;
  asio::steady_timer timer_;  // for the first job's delay; under the mutex, as all below
  bool armed_ = false;
  DeploymentPtr deployment_;
  std::deque<Job> queue_;
  std::size_t queued_examples_ = 0;
  unsigned running_ = 0;
  LaneCounts counts_;
};

}  // namespace tributary::predictor
