// participant/predictor/edge_feed.h
//
// Takes the edge copies that agents receive into service: decodes, compiles and warms up on a thread of its own, then
// swaps. Of several that come meanwhile only the newest is prepared. Any thread.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "participant/agent.h"
#include "participant/predictor/predictor.h"

namespace tributary::predictor {

class EdgeFeed {
 public:
  // `model`: declared in the predictor, which must outlive the feed. `networks`, `max_batch`: as of Engine.
  EdgeFeed(Predictor& predictor, std::string model, unsigned networks, std::size_t max_batch);
  ~EdgeFeed();
  EdgeFeed(const EdgeFeed&) = delete;
  EdgeFeed& operator=(const EdgeFeed&) = delete;

  // Returns at once. The same copy as the last is passed over, as agents of one process receive it each.
  void offer(const participant::ReceivedCopy& copy);

 private:
  void work();
  void prepare(const participant::ReceivedCopy& copy);

  Predictor& predictor_;
  const std::string model_;
  const unsigned networks_;
  const std::size_t max_batch_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<participant::ReceivedCopy> next_;
  bool stopped_ = false;
  Digest digest_;  // of the last offered

  Digest engine_model_;  // the worker's
  std::shared_ptr<const Engine> engine_;
  std::thread worker_;
};

}  // namespace tributary::predictor
