#include "participant/predictor/edge_feed.h"

#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/codec/edge_copy.h"
#include "common/model/skeleton.h"

namespace tributary::predictor {

EdgeFeed::EdgeFeed(Predictor& predictor, std::string model, unsigned networks, std::size_t max_batch)
    : predictor_(predictor), model_(std::move(model)), networks_(networks), max_batch_(max_batch) {
  worker_ = std::thread([this] { work(); });
}

EdgeFeed::~EdgeFeed() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  worker_.join();
}

void EdgeFeed::offer(const participant::ReceivedCopy& copy) {
  {
    const std::lock_guard lock(mutex_);
    if (copy.digest == digest_) return;
    digest_ = copy.digest;
    next_ = copy;
  }
  changed_.notify_all();
}

void EdgeFeed::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopped_ || next_; });
    if (stopped_) return;
    const participant::ReceivedCopy copy = std::move(*std::exchange(next_, std::nullopt));
    lock.unlock();
    try {
      prepare(copy);
    } catch (const std::exception& e) {
      log::error("predictor", "the edge copy of round " + std::to_string(copy.made_by) +
                                  " cannot be served, the one before stays: " + e.what());
    }
    lock.lock();
  }
}

void EdgeFeed::prepare(const participant::ReceivedCopy& copy) {
  auto deployment = std::make_shared<Deployment>();
  deployment->version = std::to_string(copy.made_by);
  if (engine_ && engine_model_ == copy.model) {
    deployment->values = codec::decode_edge_copy(*copy.blob, engine_->layout());
  } else {
    model::Graph graph = model::unpack_skeleton(*copy.skeleton, "the model offered");
    deployment->values = codec::decode_edge_copy(*copy.blob, graph.layout());
    graph.set_parameters(deployment->values);
    engine_ = std::make_shared<Engine>(graph, deployment->values, networks_, max_batch_);
    engine_model_ = copy.model;
  }
  deployment->engine = engine_;
  predictor_.install(model_, std::move(deployment));
}

}  // namespace tributary::predictor
