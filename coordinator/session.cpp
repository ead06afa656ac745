#include "coordinator/session.h"

#include <algorithm>
#include <exception>
#include <utility>
#include <variant>

#include "common/base/error.h"
#include "common/base/log.h"

namespace tributary::coordinator {

namespace {

// A peer that broke the protocol may try again after so long, and when it is not kept out any more.
constexpr double kRetrySeconds = 30;

// How much of an unwanted update may follow its refusal.
constexpr std::uint64_t kMaxIgnoredBytes = std::uint64_t{16} << 30;

// Of an update's bytes, so many are written on the spot: sooner than a worker would have begun.
constexpr std::size_t kSmallBytes = 16 * 1024;

[[noreturn]] void out_of_protocol(const std::string& what) {
  fail(Error::Kind::Malformed, what);
}

// REQUIRES: a difference of this broadcast.
std::shared_ptr<const wire::FramedBlob> blob_of(const Broadcast& broadcast, const Digest& delta) {
  const auto found = std::find_if(broadcast.deltas.begin(), broadcast.deltas.end(),
                                  [&](const auto& entry) { return entry.second.digest == delta; });
  TRIBUTARY_CHECK(found != broadcast.deltas.end());
  return found->second.blob;
}

// How a coroutine ended.
struct End {
  bool broke_protocol = false;
  std::string why;
};

asio::awaitable<End> caught(asio::awaitable<void> body) {
  try {
    co_await std::move(body);
  } catch (const Error& e) {
    co_return End{e.kind() == Error::Kind::Malformed || e.kind() == Error::Kind::Unsupported, e.what()};
  } catch (const std::exception& e) {
    co_return End{false, std::string("internal: ") + e.what()};
  }
  co_return End{};
}

}  // namespace

Session::Session(net::Runtime& runtime, std::unique_ptr<net::Channel> channel, const SessionTerms& terms,
                 SessionHost& host)
    : runtime_(runtime),
      channel_(std::move(channel)),
      terms_(terms),
      host_(host),
      outbox_(runtime, *channel_, terms.ping),
      allowance_(terms.limits.messages_per_second, terms.limits.message_burst) {}

asio::awaitable<void> Session::run() {
  net::Gate writer(runtime_.io());
  writer.spawn("outbox", write());
  End end = co_await caught(converse());
  if (why_.empty()) why_ = !outbox_.complaint().empty() ? outbox_.complaint() : end.why;
  // One that asks and does not read is no slow reader: those have little to be told.
  if ((end.broke_protocol || !outbox_.complaint().empty()) && !ending_) {
    leave(Departure::Expelled);
    host_.broke_protocol(*this, why_);
    say_goodbye("out of protocol: " + why_, kRetrySeconds + terms_.limits.expelled_seconds);
  } else {
    leave(Departure::Lost);
    log::info("session", name() + " at " + peer().address + " is gone: " + (why_.empty() ? "closed by it" : why_));
  }
  upload_.reset();
  if (ending_) (void)co_await caught(drain());
  outbox_.stop();
  channel_->close();
  linger_.reset();
  co_await writer.close();
}

asio::awaitable<void> Session::write() {
  const End end = co_await caught(outbox_.write());
  if (!end.why.empty() && why_.empty()) why_ = end.why;
}

asio::awaitable<void> Session::converse() {
  if (!co_await greet()) co_return;
  while (!ending_) {
    const auto payload = co_await channel_->receive(runtime_.clock().now() + 3 * terms_.ping);
    if (!payload) co_return;
    if (ending_) continue;
    co_await take(*payload);
  }
}

asio::awaitable<bool> Session::greet() {
  const auto payload = co_await channel_->receive(runtime_.clock().now() + kGreeting);
  if (!payload || ending_) co_return false;
  auto message = wire::from_payload(*payload);
  const auto* hello = std::get_if<wire::Hello>(&message);
  if (hello == nullptr) out_of_protocol(std::string(wire::name_of(message)) + " where Hello was due");
  hello_ = std::move(*std::get_if<wire::Hello>(&message));
  if (hello_.protocol != wire::kProtocolVersion) {
    why_ = "it speaks protocol " + std::to_string(hello_.protocol);
    say_goodbye("this coordinator speaks protocol " + std::to_string(wire::kProtocolVersion) + ", not " +
                    std::to_string(hello_.protocol),
                0);
    co_return false;
  }
  if (hello_.differences) held_ = hello_.held;
  outbox_.put(wire::Welcome{terms_.federation, terms_.run, seconds(terms_.ping)});
  present_ = true;
  host_.joined(*this);
  co_return true;
}

// What arrives after Goodbye is thrown away until the peer ends its direction; linger_ bounds it.
asio::awaitable<void> Session::drain() {
  for (;;) {
    const auto payload = co_await channel_->receive(runtime_.clock().now() + 3 * terms_.ping);
    if (!payload) co_return;
  }
}

void Session::leave(Departure departure) {
  if (!present_) return;
  present_ = false;
  host_.left(*this, departure);
}

// ------------------------------------------------------------------------------------------ what the host says

void Session::offer(const std::shared_ptr<const Broadcast>& broadcast, double deadline_seconds) {
  wire::Offer offer = broadcast->offer;
  offer.deadline_seconds = std::max(0.0, deadline_seconds);
  const auto known =
      std::find_if(held_.begin(), held_.end(), [&](const Digest& held) { return broadcast->deltas.contains(held); });
  if (known != held_.end()) {
    const EdgeDelta& delta = broadcast->deltas.at(*known);
    offer.delta = wire::DeltaOffer{*known, delta.digest, delta.blob->blob_bytes()};
  }
  if (offer.edge != edge_) {
    previous_ = {edge_};
    if (delta_) previous_.insert(*delta_);
  }
  allowance_.grant(kMessagesPerOffer);
  broadcast_ = broadcast;
  model_ = offer.model;
  edge_ = offer.edge;
  delta_.reset();
  if (offer.delta) delta_ = offer.delta->delta;
  outbox_.put(std::move(offer));
}

void Session::tell_verdict(const wire::Verdict& verdict) {
  outbox_.put(verdict);
}

void Session::tell_wait(double seconds, const std::string& reason) {
  outbox_.put(wire::Wait{seconds, reason});
}

void Session::close_round(std::uint64_t round, const std::string& reason) {
  if (upload_ && upload_->announced.round <= round) ignore_upload();
  broadcast_.reset();
  outbox_.drop_blob();
  outbox_.put(wire::RoundClosed{round, reason});
}

void Session::say_goodbye(const std::string& reason, double retry_seconds, Duration linger) {
  if (ending_) return;
  if (why_.empty()) why_ = reason;
  outbox_.put(wire::Goodbye{reason, retry_seconds});
  begin_ending(linger);
  leave(Departure::SentAway);
}

void Session::begin_ending(Duration linger) {
  ending_ = true;
  outbox_.finish();
  linger_ = runtime_.at(runtime_.clock().now() + linger, [this] { channel_->close(); });
}

// ------------------------------------------------------------------------------------------ what the peer says

void Session::count_message() {
  if (!allowance_.take(runtime_.clock().now())) {
    out_of_protocol("more than " + std::to_string(terms_.limits.message_burst) +
                    " messages at once; see limits.message_burst and limits.messages_per_second");
  }
}

asio::awaitable<void> Session::take(const Bytes& payload) {
  if (const auto data = wire::view_data(payload)) {
    if (data->bytes.size() < kShortBytes) count_message();
    co_await take_data(*data);
    co_return;
  }
  count_message();
  const wire::Message message = wire::from_payload(payload);
  if (const auto* fetch = std::get_if<wire::Fetch>(&message)) {
    on(*fetch);
  } else if (const auto* update = std::get_if<wire::Update>(&message)) {
    co_await on(*update);
  } else if (const auto* decline = std::get_if<wire::Decline>(&message)) {
    host_.declined(*this, *decline);
  } else if (const auto* ping = std::get_if<wire::Ping>(&message)) {
    outbox_.put(wire::Pong{ping->number});
  } else if (const auto* goodbye = std::get_if<wire::Goodbye>(&message)) {
    why_ = "it said goodbye: " + goodbye->reason;
    begin_ending(kLinger);
    leave(Departure::Left);
  } else if (!std::holds_alternative<wire::Pong>(message)) {
    out_of_protocol(std::string(wire::name_of(message)) + " is not a participant's to say here");
  }
}

void Session::on(const wire::Fetch& fetch) {
  const auto broadcast = broadcast_.lock();
  const bool current = fetch.blob == model_ || fetch.blob == edge_ || fetch.blob == delta_;
  if (!current && !previous_.contains(fetch.blob)) out_of_protocol("Fetch of a blob that was not offered");
  if (!current || !broadcast) return;  // of a round that is over: RoundClosed is on its way
  const auto blob = fetch.blob == model_  ? broadcast->model
                    : fetch.blob == edge_ ? broadcast->edge
                                          : blob_of(*broadcast, fetch.blob);
  if (fetch.offset >= blob->blob_bytes()) {
    out_of_protocol("Fetch from offset " + std::to_string(fetch.offset) + " of a blob of " +
                    std::to_string(blob->blob_bytes()) + " bytes");
  }
  outbox_.send_blob(blob, fetch.offset);
}

asio::awaitable<void> Session::on(const wire::Update& update) {
  if (upload_) out_of_protocol("Update before the one announced was complete");
  if (hello_.differences && update.edge == edge_) held_ = {edge_};
  missing_bytes_ = update.awaits ? 0 : update.blob_bytes;
  ignorable_bytes_ = 0;
  upload_ = host_.announced(*this, update);
  if (!upload_) {
    ignore_upload();
  } else if (update.awaits) {
    missing_bytes_ = update.blob_bytes - upload_->spool.arrived_bytes();
    outbox_.put(wire::Proceed{update.round, upload_->spool.arrived_bytes()});
    if (missing_bytes_ > 0) co_return;
    const auto upload = std::exchange(upload_, nullptr);
    co_await host_.arrived(*this, upload);
  }
}

void Session::restart(std::shared_ptr<Upload> upload) {
  outbox_.put(wire::Proceed{upload->announced.round, 0});
  missing_bytes_ = upload->announced.blob_bytes;
  upload_ = std::move(upload);
}

void Session::ignore_upload() {
  upload_.reset();
  ignorable_bytes_ = std::min(missing_bytes_, kMaxIgnoredBytes);
}

asio::awaitable<void> Session::take_data(const wire::DataView& data) {
  if (!upload_) {
    if (data.bytes.size() > ignorable_bytes_) out_of_protocol("Data without an update announced");
    ignorable_bytes_ -= data.bytes.size();
    co_return;
  }
  const auto upload = upload_;
  missing_bytes_ -= std::min<std::uint64_t>(missing_bytes_, data.bytes.size());
  std::string failure;
  try {
    const auto keep = [&] { upload->append(data.offset, data.bytes); };
    if (data.bytes.size() <= kSmallBytes) {
      keep();
    } else {
      co_await runtime_.on_worker(keep);
    }
  } catch (const Error& e) {
    if (e.kind() == Error::Kind::Malformed) throw;
    failure = e.what();
  }
  if (upload_ != upload) co_return;  // the round was closed meanwhile
  if (!failure.empty()) {
    ignore_upload();
    host_.not_stored(*this, *upload, failure);
  } else if (upload->spool.complete()) {
    upload_.reset();
    co_await host_.arrived(*this, upload);
  }
}

}  // namespace tributary::coordinator
