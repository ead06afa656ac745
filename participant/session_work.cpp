// The worker of a session: takes part in rounds.
#include <algorithm>
#include <utility>

#include <sys/resource.h>

#include "common/base/checksum.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/codec/edge_delta.h"
#include "participant/session.h"

namespace tributary::participant {

namespace {

constexpr double kMaxReportedLoss = 1e30;  // the protocol's range

std::uint64_t peak_rss_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

// Of a participant whose pace is simulated; before its training, so that training which will be stopped costs nothing.
double simulated_seconds(const AgentOptions& options, const learn::TrainingPlan& plan, std::uint64_t examples) {
  if (options.simulated_examples_per_second <= 0) return 0;
  double seen = plan.epochs * static_cast<double>(examples);
  const std::uint64_t batch = plan.batch_size == 0 ? examples : plan.batch_size;
  if (plan.max_steps != 0) seen = std::min(seen, static_cast<double>(plan.max_steps) * static_cast<double>(batch));
  return seen / options.simulated_examples_per_second;
}

model::GraphLimits limits_of(const AgentOptions& options) {
  model::GraphLimits limits;
  limits.max_file_bytes = std::min(limits.max_file_bytes, options.max_model_bytes);
  limits.max_parameters = std::min<std::uint64_t>(limits.max_parameters, options.max_model_bytes / sizeof(float));
  return limits;
}

}  // namespace

asio::awaitable<void> Session::work() {
  while (!end_) {
    if (mine_.pending.find()) {
      co_await deliver_pending();
      continue;
    }
    if (!next_) {
      co_await changed_.wait();
      continue;
    }
    current_ = std::move(next_);
    try {
      co_await take_part(*current_);
    } catch (const Error& e) {
      log::debug("session", e.what());  // a lost line, which the reader sees too
    }
    abandon_download();
    current_.reset();
  }
}

asio::awaitable<void> Session::take_part(Job& job) {
  mine_.observer.offered(job.offer.round);
  const double limit = job.offer.deadline_seconds;
  if (limit > 0)
    job.deadline = mine_.runtime.at(now() + from_seconds(limit), [this, &job] {
      job.late = job.stopped = true;
      changed_.notify();
    });
  Outcome outcome;
  const auto judged = judge(job.offer, mine_.options.max_model_bytes);
  if (const auto* reason = std::get_if<std::string>(&judged)) {
    outcome.decline = *reason;
  } else {
    std::optional<data::View> view;
    outcome = co_await attempt(job, std::get<Assignment>(judged), view);
    if (job.late && !job.sent) outcome.decline = "the deadline passed";
    if (!outcome.decline.empty() && mine_.pending.find())
      co_await mine_.runtime.on_worker([&] { mine_.pending.drop(); });
    if (std::exchange(view, std::nullopt)) {
      mine_.unsettled = job.offer.round;
      if (!mine_.pending.find()) co_await settle(job.offer.round, outcome.accepted);
    }
  }
  const bool closed = job.stopped && !job.late;
  if (outcome.decline.empty() || closed || end_) co_return;
  const wire::Decline decline{job.offer.round, outcome.decline};
  co_await outbox_.send(decline);
}

// Turns what went wrong here, and not on the line, into a reason for declining. `view` keeps what the source gave.
asio::awaitable<Session::Outcome> Session::attempt(Job& job, const Assignment& assignment,
                                                   std::optional<data::View>& view) {
  Outcome outcome;
  try {
    co_await mine_.runtime.on_worker([&] { view = mine_.source.examples(assignment.round); });
    if (view && (!view->dataset || view->indices.empty())) view.reset();
    if (view)
      outcome = co_await learn_and_send(job, assignment, *view);
    else
      outcome.decline = wire::kNoExamples;
  } catch (const Error& e) {
    if (e.kind() == Error::Kind::Corrupt) end(SessionEnd::How::Broken, e.what());
    if (e.kind() != Error::Kind::Disconnected) outcome.decline = e.what();
  } catch (const std::bad_alloc&) {
    outcome.decline = "out of memory";
  } catch (const std::exception& e) {
    outcome.decline = e.what();
  }
  delivery_.reset();
  if (end_ && end_->how == SessionEnd::How::Broken) channel_->close();
  co_return outcome;
}

asio::awaitable<Session::Outcome> Session::learn_and_send(Job& job, const Assignment& assignment,
                                                          const data::View& view) {
  if (!co_await fetch_model(job, assignment.model)) co_return Outcome{};
  SharedBlob edge = co_await fetch_edge(job, assignment);
  if (!edge) co_return Outcome{};
  mine_.observer.received({assignment.round > 0 ? assignment.round - 1 : 0, assignment.model.digest, mine_.skeleton,
                           assignment.edge.digest, edge});
  std::optional<Belongings::KeptCopy> to_keep;
  if (codec::has_edge_integers(*edge)) to_keep = Belongings::KeptCopy{assignment.edge.digest, edge};
  ResidualKey key{run_, {}, 0};
  Learnt learnt = co_await learn(job, assignment, view, std::move(edge), key);
  if (learnt.ending == Learnt::Ending::Diverged) co_return Outcome{false, "diverged"};
  if (learnt.ending == Learnt::Ending::Stopped || job.stopped) co_return Outcome{};
  mine_.observer.trained({assignment.round, view.size(), learnt.update.size(), learnt.training.loss,
                          learnt.training.accuracy, learnt.training.seconds});
  mine_.edge = std::move(to_keep);  // the update tells the coordinator
  co_await keep_pending(assignment, view, std::move(key), learnt);
  if (job.stopped) {
    co_await mine_.runtime.on_worker([&] { mine_.pending.drop(); });
    co_return Outcome{};
  }
  co_await deliver(&job, false);
  Outcome outcome;
  if (delivery_->verdict || delivery_->closed) outcome.accepted = co_await conclude();
  co_return outcome;
}

// The model is compiled at once, so that one that cannot be run is declined before the edge copy is fetched.
asio::awaitable<bool> Session::fetch_model(Job& job, BlobName blob) {
  if (mine_.skeleton && mine_.model == blob.digest) co_return true;
  SharedBlob skeleton = co_await fetch(job, blob);
  if (!skeleton) co_return false;
  co_await mine_.runtime.on_worker(
      [&] { (void)mine_.workshop.borrow(blob.digest, *skeleton, limits_of(mine_.options)); });
  mine_.model = blob.digest;
  mine_.skeleton = std::move(skeleton);
  co_return true;
}

// By the shortest way. Null when the round was over before it was there.
asio::awaitable<SharedBlob> Session::fetch_edge(Job& job, const Assignment& assignment) {
  if (assignment.difference && mine_.edge && mine_.edge->digest == assignment.difference->base) {
    SharedBlob difference = co_await fetch(job, assignment.difference->blob);
    if (!difference) co_return nullptr;
    SharedBlob edge = co_await rebuild_edge(assignment, std::move(difference));
    if (edge) co_return edge;
  }
  co_return co_await fetch(job, assignment.edge);
}

// Null when the difference is of no use, which costs no more than its bytes.
asio::awaitable<SharedBlob> Session::rebuild_edge(const Assignment& assignment, SharedBlob difference) {
  SharedBlob edge = mine_.workshop.find(assignment.edge.digest);
  if (edge) co_return edge;
  co_await mine_.runtime.on_worker([&] {
    edge = mine_.workshop.find(assignment.edge.digest);  // a neighbour may have been quicker
    if (edge) return;
    const auto limits = limits_of(mine_.options);
    auto loan = mine_.workshop.borrow(assignment.model.digest, *mine_.skeleton, limits);
    codec::DecodeLimits decode;
    decode.max_parameters = limits.max_parameters;
    try {
      Bytes blob = codec::rebuild_edge_copy(*difference, *mine_.edge->blob, loan.network().layout(), decode);
      if (sha256(blob) == assignment.edge.digest) edge = mine_.workshop.share(assignment.edge.digest, std::move(blob));
    } catch (const Error& e) {
      log::warning("session", "a difference was of no use, the whole edge copy is fetched: " + std::string(e.what()));
    }
  });
  co_return edge;
}

// Null when the round was over before the blob was there.
asio::awaitable<SharedBlob> Session::fetch(Job& job, BlobName blob) {
  if (job.stopped) co_return nullptr;
  auto& download = mine_.partial;
  if (!download || download->digest() != blob.digest || download->announced() != blob.bytes)
    download.emplace(mine_.workshop, blob.digest, blob.bytes);
  downloading_ = true;
  if (!download->complete()) co_await outbox_.send(wire::Fetch{blob.digest, download->next()});
  while (!job.stopped && downloading_ && !download->complete()) co_await changed_.wait();
  if (job.stopped || !downloading_) co_return nullptr;
  downloading_ = false;
  SharedBlob whole = download->finish();
  download.reset();
  co_return whole;
}

void Session::abandon_download() {
  if (!std::exchange(downloading_, false)) return;
  if (!mine_.partial->complete()) rest_ = Rest{mine_.partial->next(), mine_.partial->announced()};
}

asio::awaitable<Learnt> Session::learn(Job& job, const Assignment& assignment, const data::View& view, SharedBlob edge,
                                       ResidualKey& key) {
  Learnt learnt;
  const double pretended = simulated_seconds(mine_.options, assignment.plan, view.size());
  if (pretended > 0) co_await pretend_to_train(job, pretended);
  co_await mine_.runtime.on_worker([&] {
    if (job.stopped) {
      learnt.ending = Learnt::Ending::Stopped;
      return;
    }
    auto loan = mine_.workshop.borrow(assignment.model.digest, *mine_.skeleton, limits_of(mine_.options));
    const auto& layout = *loan.network().layout();
    key.layout = layout.digest();
    key.size = layout.size();
    const auto residual = mine_.residuals.load(key);
    learnt = train_locally(loan.bench(), assignment.edge.digest, std::move(edge), view,
                           {assignment.seed, assignment.round, mine_.options.name, assignment.plan, assignment.encoding,
                            assignment.rounding},
                           residual ? std::span(*residual) : std::span<const float>(), mine_.runtime.clock(),
                           [&job] { return job.stopped.load(); });
  });
  if (pretended > 0) learnt.training.seconds = pretended;
  co_return learnt;
}

// Lets the time of the training pass, unless it is stopped before.
asio::awaitable<void> Session::pretend_to_train(Job& job, double seconds) {
  const TimePoint end = now() + from_seconds(seconds);
  const auto timer = mine_.runtime.at(end, [this] { changed_.notify(); });
  while (!job.stopped && now() < end) co_await changed_.wait();
}

// From now on it is not forgotten before its verdict.
asio::awaitable<void> Session::keep_pending(const Assignment& assignment, const data::View& view, ResidualKey key,
                                            Learnt& learnt) {
  PendingUpdate pending;
  wire::Update& update = pending.announced;
  update.round = assignment.round;
  update.edge = assignment.edge.digest;
  update.blob_bytes = learnt.update.size();
  update.encoding = assignment.encoding.text();
  update.examples = view.size();
  update.train_loss = std::clamp(learnt.training.loss, -kMaxReportedLoss, kMaxReportedLoss);
  update.train_accuracy = learnt.training.accuracy;
  update.train_seconds = learnt.training.seconds;
  update.decode_seconds = learnt.decode_seconds;
  update.encode_seconds = learnt.encode_seconds;
  update.peak_rss_bytes = peak_rss_bytes();
  pending.key = std::move(key);
  pending.blob = std::move(learnt.update);
  pending.residual = std::move(learnt.residual);
  co_await mine_.runtime.on_worker([&] {
    pending.announced.checksum = checksum(pending.blob);
    mine_.pending.put(std::move(pending));
  });
}

}  // namespace tributary::participant
