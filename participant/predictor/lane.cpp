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

// Holds a slot.
void Lane::run(Lock lock) {
  std::vector<Job> jobs = take();
  if (!jobs.empty()) {
    const DeploymentPtr deployment = deployment_;
    lock.unlock();
    const TimePoint begun = now();
    infer(deployment, jobs);
    const double took = seconds(now() - begun);
    lock.lock();
    counts_.busy_seconds += took;
    ++counts_.batches;
    counts_.requests += jobs.size();
    for (const Job& job : jobs) counts_.examples += job.examples;
  }
  --running_;
  schedule(lock);
}

void Lane::infer(const DeploymentPtr& deployment, std::vector<Job>& jobs) {
  Prediction prediction;
  prediction.deployment = deployment;
  learn::Network::Output output;
  std::size_t examples = 0;
  try {
    if (jobs.front().engine != deployment->engine)
      fail(Error::Kind::Unavailable, "the model was replaced by one of another make; ask again");
    for (const Job& job : jobs) examples += job.examples;
    std::vector<float> gathered;
    if (jobs.size() > 1) {
      gathered.reserve(examples * (jobs.front().features.size() / jobs.front().examples));
      for (const Job& job : jobs) gathered.insert(gathered.end(), job.features.begin(), job.features.end());
    }
    output =
        deployment->engine->predict(deployment->values, jobs.size() > 1 ? gathered : jobs.front().features, examples);
  } catch (...) {
    prediction.failure = std::current_exception();
  }
  const std::size_t row = examples == 0 ? 0 : output.values.size() / examples;
  std::size_t at = 0;
  for (const Job& job : jobs) {
    if (!prediction.failure) {
      prediction.values = std::span<const float>(output.values).subspan(at * row, job.examples * row);
      prediction.shape = output.shape;
      prediction.shape.front() = static_cast<std::int64_t>(job.examples);
      at += job.examples;
    }
    job.done(prediction);
  }
}

}  // namespace tributary::predictor
