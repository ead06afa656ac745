#include "coordinator/live_round.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "common/base/error.h"
#include "common/base/log.h"
#include "coordinator/session.h"

namespace tributary::coordinator {

namespace {

// Participants' words become keys of the record.
constexpr std::size_t kMaxReasonBytes = 64;

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

LiveRound::LiveRound(const Surroundings& surroundings, const RoundTerms& terms, std::vector<std::string> selected,
                     std::shared_ptr<const Broadcast> broadcast)
    : around_(surroundings),
      round_(terms, selected),
      selected_(std::move(selected)),
      broadcast_(std::move(broadcast)),
      begun_(now()),
      changed_(surroundings.runtime.io()) {}

void LiveRound::restore(const store::RoundContents& contents, const std::vector<std::shared_ptr<Upload>>& accepted) {
  const auto restore = [this](const std::string& participant, Fate fate, const std::string& reason) {
    if (!round_.is_open_for(participant) || fate == Fate::Waiting)
      fail(Error::Kind::Corrupt,
           "the log of round " + std::to_string(number()) + " contradicts itself about " + participant);
    round_.restore(participant, fate, reason);
  };
  for (std::size_t i = 0; i < accepted.size(); ++i) {
    const std::string& name = contents.accepted[i].participant;
    restore(name, Fate::Accepted, "");
    counted_[name] = accepted[i]->announced;
    members_.push_back({name, accepted[i]->spool.file_name(), {}, accepted[i]->factor});
    clipped_ += accepted[i]->factor < 1;
    around_.intake.fold(accepted[i], [] {});
    ++durable_;
  }
  for (const store::FateSettled& each : contents.settled) {
    restore(each.participant, static_cast<Fate>(each.fate), each.reason);
  }
}

asio::awaitable<bool> LiveRound::run() {
  around_.observer.round_started(number(), selected_.size());
  perform(round_.start(now(), around_.roster.connected()));
  while (!round_.ended()) {
    const TimePoint wake = round_.next_wake().value_or(TimePoint::max());
    const auto timer = around_.runtime.at(wake, [this] { changed_.notify(); });
    if (now() < wake) co_await changed_.wait();
    if (now() >= wake) perform(round_.tick(now()));
  }
  broadcast_.reset();
  co_await around_.ledger.settled();
  co_await around_.intake.settled();
  co_return publish_;
}

void LiveRound::cancel(const std::string& reason) {
  perform(round_.cancel(reason));
}

// ------------------------------------------------------------------------------------------ what sessions report

void LiveRound::joined(const std::string& participant) {
  perform(round_.joined(participant, now()));
}

void LiveRound::lost(const std::string& participant) {
  perform(round_.left(participant, now()));
}

void LiveRound::rule_out(const std::string& participant, const std::string& reason) {
  if (round_.is_open_for(participant)) settle(participant, Fate::Refused, reason);
}

void LiveRound::settle(const std::string& participant, Fate fate, const std::string& reason) {
  if (round_.is_open_for(participant)) around_.ledger.settle({participant, static_cast<std::uint8_t>(fate), reason});
  perform(fate == Fate::Declined ? round_.declined(participant, reason, now())
                                 : round_.bad_update(participant, reason, now()));
}

void LiveRound::declined(const std::string& participant, const wire::Decline& decline) {
  if (decline.round != number()) return;
  settle(participant, Fate::Declined, decline.reason.substr(0, kMaxReasonBytes));
}

bool LiveRound::wants(Session& session, const wire::Update& update) {
  const std::string& name = session.name();
  if (is_counting(name, update)) return false;
  const bool another = update.awaits ? update.round != number() : update.round < number();
  if (another || !round_.is_open_for(name)) {
    const bool over = another || round_.ended();
    session.tell_verdict({update.round, false, over ? "the round is over" : "no update is expected"});
    return false;
  }
  const std::string reason = objection(session, update);
  if (reason.empty()) return true;
  around_.refused(name, reason);
  settle(name, Fate::Refused, reason);
  return false;
}

// Whether it counts already: its participant will have the verdict as soon as it is durable.
bool LiveRound::is_counting(const std::string& participant, const wire::Update& update) const {
  const auto counted = counted_.find(participant);
  return update.round == number() && counted != counted_.end() && counted->second.checksum == update.checksum;
}

std::string LiveRound::objection(const Session& session, const wire::Update& update) const {
  const wire::Offer& offer = broadcast_->offer;
  if (update.round != offer.round) return "wrong round";
  if (update.edge != offer.edge) return "wrong edge copy";
  if (!is_encoding_of(session, update.encoding)) return "wrong encoding";
  if (update.examples == 0) return "no examples";
  if (update.blob_bytes == 0) return "empty";
  const auto encoding = codec::UpdateEncoding::parse(update.encoding);
  if (update.blob_bytes > codec::max_update_bytes(*around_.layout, encoding)) return "too large";
  return "";
}

// The encoding asked for, or the default one when the participant has said that it cannot write that.
bool LiveRound::is_encoding_of(const Session& session, const std::string& encoding) const {
  const std::string& asked = broadcast_->offer.encoding;
  if (encoding == asked) return true;
  const auto& can = session.hello().encodings;
  const std::string family = codec::UpdateEncoding::parse(asked).family();
  return std::find(can.begin(), can.end(), family) == can.end() && encoding == codec::UpdateEncoding().text();
}

asio::awaitable<void> LiveRound::take(Session& session, std::shared_ptr<Upload> upload) {
  const auto self = shared_from_this();
  const std::string name = session.name();
  std::string fault = upload->intact() ? "" : "wrong digest";
  try {
    if (fault.empty()) fault = co_await around_.intake.find_fault(*upload);
  } catch (const Error& e) {
    log::error("round", "cannot read the update of " + name + ": " + e.what());
    fault = "not stored";
  }
  if (!fault.empty()) {
    around_.refused(name, fault);
    settle(name, Fate::Refused, fault);
    co_return;
  }
  arrived_[name] = std::move(upload);
  perform(round_.arrived(name, now()));
  arrived_.erase(name);
}

// ------------------------------------------------------------------------------------------ what the Round answers

// In order, also when an action leads to more of them.
void LiveRound::perform(Actions actions) {
  to_do_.insert(to_do_.end(), actions.begin(), actions.end());
  if (std::exchange(performing_, true)) return;
  while (!to_do_.empty()) {
    const Action action = std::move(to_do_.front());
    to_do_.pop_front();
    std::visit([this](const auto& each) { act(each); }, action);
  }
  performing_ = false;
  changed_.notify();
}

void LiveRound::act(const SendOffer& action) {
  Session* session = around_.roster.find(action.participant);
  if (session != nullptr && broadcast_) session->offer(broadcast_, seconds(round_.terms().deadline - now()));
}

void LiveRound::act(const CountUpdate& action) {
  const auto at = arrived_.find(action.participant);
  TRIBUTARY_CHECK(at != arrived_.end());
  counted_[action.participant] = at->second->announced;
  members_.push_back({action.participant, at->second->spool.file_name(), {}, at->second->factor});
  clipped_ += at->second->factor < 1;
  around_.ledger.accept(at->second, action.participant,
                        [self = shared_from_this(), name = action.participant] { self->counted(name); });
  around_.intake.fold(at->second, [] {});
}

// It is durable.
void LiveRound::counted(const std::string& participant) {
  answer(participant, true, "");
  around_.observer.update_arrived(number(), ++durable_, round_.terms().goal);
}

void LiveRound::act(const RefuseUpdate& action) {
  answer(action.participant, false, action.reason);
}

void LiveRound::act(const TellClosed& action) {
  if (Session* session = around_.roster.find(action.participant)) session->close_round(number(), action.reason);
}

void LiveRound::act(const Publish& /*action*/) {
  publish_ = true;
}

void LiveRound::act(const Abort& action) {
  abort_reason_ = action.reason;
}

void LiveRound::answer(const std::string& participant, bool accepted, const std::string& reason) {
  if (Session* session = around_.roster.find(participant)) session->tell_verdict({number(), accepted, reason});
  around_.observer.update_judged(
      {participant, number(), accepted, reason, accepted ? counted_[participant].examples : 0});
}

// ------------------------------------------------------------------------------------------ what is kept of it

std::vector<std::string> LiveRound::counted() const {
  std::vector<std::string> names;
  for (const auto& [name, update] : counted_) names.push_back(name);
  return names;
}

std::vector<Ensemble::Member> LiveRound::members(const Path& spool) const {
  std::vector<Ensemble::Member> members = members_;
  for (Ensemble::Member& each : members) each.file = spool / each.file;
  return members;
}

void LiveRound::describe(RoundRecord& record) const {
  record.round = number();
  record.selected = round_.selected();
  record.accepted = round_.accepted();
  record.refused = round_.refused();
  record.clipped = clipped_;
  double weights = 0, bytes = 0;
  std::vector<double> train, decode;
  for (const auto& [name, update] : counted_) {
    const auto weight = static_cast<double>(std::min(update.examples, around_.max_examples));
    weights += weight;
    record.train_loss += weight * update.train_loss;
    record.train_accuracy += weight * update.train_accuracy;
    bytes += static_cast<double>(update.blob_bytes);
    ++record.encodings[update.encoding];
    train.push_back(update.train_seconds);
    decode.push_back(update.decode_seconds);
    record.participant_peak_rss_bytes = std::max(record.participant_peak_rss_bytes, update.peak_rss_bytes);
  }
  if (counted_.empty()) return;
  record.train_loss /= weights;
  record.train_accuracy /= weights;
  record.update_bytes = static_cast<std::uint64_t>(bytes / static_cast<double>(counted_.size()));
  record.seconds.train = median(std::move(train));
  record.seconds.decode = median(std::move(decode));
}

}  // namespace tributary::coordinator
