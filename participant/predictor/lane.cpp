#include "participant/predictor/lane.h"

#include <utility>

#include <asio/post.hpp>

#include "common/base/error.h"

namespace tributary::predictor {

namespace {

TimePoint now() {
  return std::chrono::steady_clock::now();
}

}  // namespace

Lane::Lane(asio::io_context& io, const LaneOptions& options) : io_(io), options_(options), timer_(io) {}

void Lane::install(DeploymentPtr deployment) {
  const Lock lock(mutex_);
  if (deployment_) ++counts_.swaps;
  deployment_ = std::move(deployment);
}

DeploymentPtr Lane::current() const {
  const Lock lock(mutex_);
  return deployment_;
}

LaneCounts Lane::counts() const {
  const Lock lock(mutex_);
  LaneCounts counts = counts_;
  counts.waiting = queue_.size();
  return counts;
}

bool Lane::submit(Job& job) {
  Lock lock(mutex_);
  if (queue_.size() >= options_.max_waiting) {
    ++counts_.refused;
    return false;
  }
  job.arrived = now();
  queued_examples_ += job.examples;
  queue_.push_back(std::move(job));
  const bool at_once = running_ < options_.slots && ready(queue_.back().arrived);
  if (at_once) {
    ++running_;
    run(std::move(lock));
  } else {
    arm_timer();
  }
  return true;
}

bool Lane::ready(TimePoint at) const {
  if (queue_.empty()) return false;
  return !options_.batch || queued_examples_ >= options_.max_batch || at - queue_.front().arrived >= options_.max_delay;
}

// Gives a free slot its next work.
void Lane::schedule(Lock& /*locked*/) {
  if (running_ < options_.slots && ready(now())) {
    ++running_;
    asio::post(io_, [self = shared_from_this()] { self->run(Lock(self->mutex_)); });
  } else {
    arm_timer();
  }
}

void Lane::arm_timer() {
  if (!options_.batch || armed_ || queue_.empty() || running_ >= options_.slots) return;
  armed_ = true;
  timer_.expires_at(queue_.front().arrived + options_.max_delay);
  timer_.async_wait([weak = weak_from_this()](const asio::error_code&) {
    const auto self = weak.lock();
    if (!self) return;
    Lock lock(self->mutex_);
    self->armed_ = false;
    self->schedule(lock);
  });
}

// The jobs of the next inference: one, or as many of one engine as fit a batch.
std::vector<Job> Lane::take() {
  std::vector<Job> jobs;
  std::size_t examples = 0;
  while (!queue_.empty()) {
    const Job& next = queue_.front();
    if (!jobs.empty() &&
        (!options_.batch || examples + next.examples > options_.max_batch || next.engine != jobs.front().engine))
      break;
    examples += next.examples;
    jobs.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  queued_examples_ -= examples;
  return jobs;
}

// Holds a slot. The next inference begins, on another thread, before the answers of this one are written.
void Lane::run(Lock lock) {
  const std::vector<Job> jobs = take();
  const DeploymentPtr deployment = deployment_;
  Result result;
  if (!jobs.empty()) {
    lock.unlock();
    const TimePoint begun = now();
    result = infer(*deployment, jobs);
    const double took = seconds(now() - begun);
    lock.lock();
    counts_.busy_seconds += took;
    ++counts_.batches;
    counts_.requests += jobs.size();
    counts_.examples += result.examples;
  }
  --running_;
  schedule(lock);
  lock.unlock();
  tell(deployment, jobs, result);
}

Lane::Result Lane::infer(const Deployment& deployment, const std::vector<Job>& jobs) {
  Result result;
  try {
    if (jobs.front().engine != deployment.engine)
      fail(Error::Kind::Unavailable, "the model was replaced by one of another make; ask again");
    for (const Job& job : jobs) result.examples += job.examples;
    std::vector<float> gathered;
    if (jobs.size() > 1) {
      gathered.reserve(result.examples * (jobs.front().features.size() / jobs.front().examples));
      for (const Job& job : jobs) gathered.insert(gathered.end(), job.features.begin(), job.features.end());
    }
    result.output = deployment.engine->predict(deployment.values, jobs.size() > 1 ? gathered : jobs.front().features,
                                               result.examples);
  } catch (...) {
    result.failure = std::current_exception();
  }
  return result;
}

void Lane::tell(const DeploymentPtr& deployment, const std::vector<Job>& jobs, const Result& result) {
  Prediction prediction;
  prediction.deployment = deployment;
  prediction.failure = result.failure;
  const std::size_t row = result.failure || jobs.empty() ? 0 : result.output.values.size() / result.examples;
  std::size_t at = 0;
  for (const Job& job : jobs) {
    if (!result.failure) {
      prediction.values = std::span<const float>(result.output.values).subspan(at * row, job.examples * row);
      prediction.shape = result.output.shape;
      prediction.shape.front() = static_cast<std::int64_t>(job.examples);
      at += job.examples;
    }
    job.done(prediction);
  }
}

}  // namespace tributary::predictor
