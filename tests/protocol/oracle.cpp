#include "oracle.h"

#include <algorithm>
#include <iostream>
#include <numeric>
#include <variant>

#include "federation.h"

#include "common/base/error.h"
#include "common/model/skeleton.h"
#include "common/wire/frame.h"

namespace tributary::protocol {

namespace store = coordinator::store;

namespace {

std::string text_of(std::uint64_t round, const std::string& participant) {
  return "the update of " + participant + " in round " + std::to_string(round);
}

std::string detail_of(const wire::Message& message) {
  if (const auto* m = std::get_if<wire::Update>(&message))
    return " round " + std::to_string(m->round) + " " + m->checksum.hex().substr(0, 8) + (m->awaits ? " awaits" : "");
  if (const auto* m = std::get_if<wire::Data>(&message))
    return " " + std::to_string(m->offset) + "+" + std::to_string(m->bytes.size());
  if (const auto* m = std::get_if<wire::Verdict>(&message))
    return " round " + std::to_string(m->round) + (m->accepted ? " accepted" : " refused: " + m->reason);
  if (const auto* m = std::get_if<wire::Offer>(&message)) return " round " + std::to_string(m->round);
  if (const auto* m = std::get_if<wire::RoundClosed>(&message))
    return " round " + std::to_string(m->round) + ": " + m->reason;
  if (const auto* m = std::get_if<wire::Decline>(&message))
    return " round " + std::to_string(m->round) + ": " + m->reason;
  if (const auto* m = std::get_if<wire::Proceed>(&message))
    return " round " + std::to_string(m->round) + " from " + std::to_string(m->offset);
  if (const auto* m = std::get_if<wire::Goodbye>(&message))
    return " " + m->reason + " retry " + std::to_string(m->retry_seconds);
  return "";
}

}  // namespace

Oracle::Oracle(const model::Graph& graph, const coordinator::Settings& settings, const Clock& clock, bool tells)
    : clock_(clock), tells_(tells), reference_(graph, settings), skeleton_(model::pack_skeleton(graph)) {}

void Oracle::watch(const std::string& participant, const data::View& examples) {
  apprentices_.emplace(participant, Apprentice(participant, examples, clock_));
}

void Oracle::violated(const std::string& what) {
  note("VIOLATED: " + what);
  if (!violation_) violation_ = what;
}

void Oracle::note(const std::string& what) {
  if (!tells_) return;
  std::cout << std::to_string(seconds(clock_.now().time_since_epoch())) << "  " << what << "\n";
}

void Oracle::take_in(char direction, std::uint64_t line, const std::string& participant, const wire::Message& message) {
  ++counts_.messages;
  const std::int64_t now = clock_.now().time_since_epoch().count();
  fingerprint_.update(std::as_bytes(std::span(&direction, 1)));
  fingerprint_.update(std::as_bytes(std::span(&line, 1)));
  fingerprint_.update(std::as_bytes(std::span(&now, 1)));
  fingerprint_.update(wire::to_frame(message));
  if (!tells_) return;
  note(participant + "#" + std::to_string(line) + (direction == '>' ? " -> " : " <- ") +
       std::string(wire::name_of(message)) + detail_of(message));
}

// ------------------------------------------------------------------------------------------ what is said

std::vector<wire::Message> Oracle::said_up(std::uint64_t line, const std::string& participant, wire::Message message) {
  // What differs from one execution of the program to the next.
  if (auto* update = std::get_if<wire::Update>(&message)) update->peak_rss_bytes = 0;
  std::vector<wire::Message> said;
  if (mischief_) {
    said = mischief_(participant, std::move(message));
  } else {
    said.push_back(std::move(message));
  }
  for (const wire::Message& each : said) {
    take_in('>', line, participant, each);
    if (const auto* update = std::get_if<wire::Update>(&each)) hear(line, participant, *update);
    if (const auto* data = std::get_if<wire::Data>(&each)) hear(line, *data);
  }
  return said;
}

void Oracle::hear(std::uint64_t line, const std::string& participant, const wire::Update& update) {
  const auto key = std::pair(Key{update.round, participant}, update.checksum);
  refused_.erase(key);  // it is on offer again
  const auto [at, is_new] = sent_.try_emplace(key);
  if (is_new) check_learnt(participant, update);
  Sent& sent = at->second;
  sent.announced.push_back(update);
  if (sent.blob.size() < update.blob_bytes) sent.blob.resize(update.blob_bytes);
  OnLine& here = lines_[line];
  here.announced[update.round].insert(update.checksum);
  here.sending = key;
}

// A participant keeps what the encoding of an update left out exactly when that update counts.
void Oracle::check_learnt(const std::string& participant, const wire::Update& update) {
  const auto apprentice = apprentices_.find(participant);
  if (apprentice == apprentices_.end()) return;
  const auto offer = offered_.find(update.round);
  const Bytes* const edge = reference_.find_edge(update.edge);
  if (offer == offered_.end() || offer->second.edge != update.edge || edge == nullptr)
    return violated(text_of(update.round, participant) + " is made of an edge copy that was not offered");
  if (apprentice->second.learn(offer->second, skeleton_, *edge) != update.checksum)
    violated(text_of(update.round, participant) + " is not what it has learnt");
}

void Oracle::hear(std::uint64_t line, const wire::Data& data) {
  const auto& sending = lines_[line].sending;
  if (!sending) return;
  Bytes& blob = sent_[*sending].blob;
  if (data.offset > blob.size() || data.bytes.size() > blob.size() - data.offset) return;
  std::copy(data.bytes.begin(), data.bytes.end(), blob.begin() + static_cast<std::ptrdiff_t>(data.offset));
}

void Oracle::said_down(std::uint64_t line, const std::string& participant, const wire::Message& message) {
  take_in('<', line, participant, message);
  if (const auto* verdict = std::get_if<wire::Verdict>(&message)) hear(line, participant, *verdict);
  if (const auto* offer = std::get_if<wire::Offer>(&message)) {
    const auto [at, first] = offered_.try_emplace(offer->round, *offer);
    if (!first && at->second.edge != offer->edge)
      violated("round " + std::to_string(offer->round) + " is offered with another edge copy than before");
  }
}

// Every acknowledged update is in the aggregate of its round; no refused update is in any.
void Oracle::hear(std::uint64_t line, const std::string& participant, const wire::Verdict& verdict) {
  const Key key{verdict.round, participant};
  const auto& announced = lines_[line].announced[verdict.round];
  if (verdict.accepted) {
    ++counts_.acknowledged;
    // On this line, or on one before it.
    std::set<Checksum> one_of = announced;
    for (auto at = sent_.lower_bound({key, Checksum{}}); at != sent_.end() && at->first.first == key; ++at) {
      if (announced.empty()) one_of.insert(at->first.second);
    }
    if (one_of.empty()) violated(text_of(verdict.round, participant) + " is acknowledged, but was not announced");
    acknowledged_[key].insert(one_of.begin(), one_of.end());
  } else {
    ++counts_.refused;
    // When it starts, the coordinator need not know any more what was counted before the last round.
    const bool is_forgotten = verdict.round < last_ended_at_start_;
    if (is_forgotten) apprentices_.erase(participant);  // it cannot know better
    if (!is_forgotten && announced.size() == 1) refused_.insert({key, *announced.begin()});
  }
  if (verdict.round <= last_ended_) check_promises(verdict.round);
}

void Oracle::check_promises(std::uint64_t number) {
  const auto& counted = rounds_[number].counted;
  for (const auto& [key, checksums] : acknowledged_) {
    if (key.first != number) continue;
    const auto at = counted.find(key.second);
    if (at == counted.end()) {
      violated(text_of(number, key.second) + " was acknowledged, but is not in its round");
    } else if (!checksums.contains(at->second)) {
      violated("another update than " + text_of(number, key.second) + " that was acknowledged is in its round");
    }
  }
  for (const auto& [key, checksum] : refused_) {
    if (key.first != number) continue;
    const auto at = counted.find(key.second);
    if (at != counted.end() && at->second == checksum)
      violated(text_of(number, key.second) + " was refused, but is in its round");
  }
}

// ------------------------------------------------------------------------------------------ what is stored

void Oracle::started(const Files& files) {
  look(files, true);
  last_ended_at_start_ = last_ended_;
}

void Oracle::ended(const Files& files, const coordinator::RoundRecord& record) {
  look(files, false);
  if (record.round != last_ended_)
    violated("round " + std::to_string(record.round) + " is said to be over, the store ends with round " +
             std::to_string(last_ended_));
}

void Oracle::finished(const Files& files, const Digest& model) {
  look(files, true);
  if (model != reference_.model()) violated("the run ends with another model than its rounds make");
  for (const auto& [key, checksums] : acknowledged_) {
    if (key.first > last_ended_) violated(text_of(key.first, key.second) + " was acknowledged, but there is no round");
  }
}

// Rounds are consecutive and linked (inspect() follows the chain), and never change once they have ended.
void Oracle::look(const Files& files, bool at_start) {
  const store::Inspection it = store::inspect(files, kStore);
  for (const std::string& damage : it.damage) violated("the store is damaged: " + damage);
  if (it.history.last_round() < last_ended_)
    violated("round " + std::to_string(last_ended_) + " was over, and the store has forgotten it");
  for (const store::PastRound& past : it.history.rounds) {
    const std::uint64_t number = past.ended.round;
    const Digest link = store::chain_of(past.ended);
    if (number <= last_ended_) {
      if (rounds_[number].link != link) violated("round " + std::to_string(number) + " has changed since it was over");
      continue;
    }
    std::optional<store::RoundContents> log;
    const Path file = store::round_file(kStore, number);
    std::string ignored;
    try {
      store::Log::read(
          files, file, [&](ByteSpan entry) { store::take(log, entry, file.string()); }, ignored);
    } catch (const Error& e) {
      violated(e.what());
    }
    look_at(past, log);
  }
  if (at_start && it.unfinished) keep(last_ended_ + 1, *it.unfinished, false);
}

void Oracle::look_at(const store::PastRound& past, const std::optional<store::RoundContents>& log) {
  last_ended_ = past.ended.round;
  Round& round = rounds_[last_ended_];
  round.link = store::chain_of(past.ended);
  round.published = past.ended.published;
  ++counts_.rounds;
  if (!log) return violated("round " + std::to_string(last_ended_) + " is over, and its log is gone already");
  keep(last_ended_, *log, true);
  for (const auto& [participant, checksum] : round.counted) {
    const auto apprentice = apprentices_.find(participant);
    if (apprentice != apprentices_.end()) apprentice->second.counted(last_ended_, checksum);
  }
  check_record(past, *log);
  check_promises(last_ended_);
  if (past.ended.published) check_aggregate(past, *log);
  if (past.ended.model != reference_.model())
    violated("the model after round " + std::to_string(last_ended_) + " is not the sum of what was accepted");
  if (past.ended.edge != reference_.edge())
    violated("the edge copy after round " + std::to_string(last_ended_) + " is not that of its model");
}

// After a restart the same round holds the same set: what was in it stays in it.
void Oracle::keep(std::uint64_t number, const store::RoundContents& log, bool is_all) {
  Round& round = rounds_[number];
  std::map<std::string, Checksum> counted;
  for (const store::UpdateAccepted& each : log.accepted) {
    if (!counted.emplace(each.participant, each.announced.checksum).second)
      violated(text_of(number, each.participant) + " is counted twice");
  }
  for (const auto& [participant, checksum] : round.counted) {
    const auto at = counted.find(participant);
    if (at == counted.end() || at->second != checksum)
      violated(text_of(number, participant) + " was in it at a start, and is no more");
  }
  round.counted = std::move(counted);
  if (is_all) return;
  // Before its end nobody can have been promised what a start does not find.
  for (const auto& [key, checksums] : acknowledged_) {
    if (key.first == number && !round.counted.contains(key.second))
      violated(text_of(number, key.second) + " was acknowledged, and a start does not find it");
  }
}

void Oracle::check_record(const store::PastRound& past, const store::RoundContents& log) {
  const coordinator::RoundRecord record = coordinator::record_from_json(past.record, "the store");
  const std::string round = "round " + std::to_string(past.ended.round);
  if (record.accepted != log.accepted.size())
    violated("the record of " + round + " says " + std::to_string(record.accepted) + " updates, its log has " +
             std::to_string(log.accepted.size()));
  const std::uint64_t refused = std::accumulate(record.refused.begin(), record.refused.end(), std::uint64_t{0},
                                                [](std::uint64_t sum, const auto& each) { return sum + each.second; });
  if (record.accepted + refused != log.opened.selected.size())
    violated("the record of " + round + " does not say what became of everyone it asked");
  for (const store::UpdateAccepted& each : log.accepted) {
    const auto& asked = log.opened.selected;
    if (std::find(asked.begin(), asked.end(), each.participant) == asked.end())
      violated(text_of(past.ended.round, each.participant) + " is counted, but it was not asked");
  }
  if (past.ended.published && log.accepted.size() < std::max<std::uint32_t>(log.opened.quorum, 1))
    violated(round + " is published below its quorum");
}

void Oracle::check_aggregate(const store::PastRound& past, const store::RoundContents& log) {
  std::vector<Counted> updates;
  for (const store::UpdateAccepted& each : log.accepted) {
    auto counted = what_was_sent(past.ended.round, each);
    if (!counted) return violated(text_of(past.ended.round, each.participant) + " is counted, but was never sent");
    updates.push_back(std::move(*counted));
  }
  reference_.apply(updates, past.ended.round);
  ++counts_.published;
}

std::optional<Counted> Oracle::what_was_sent(std::uint64_t round, const store::UpdateAccepted& accepted) {
  const auto at = sent_.find({Key{round, accepted.participant}, accepted.announced.checksum});
  if (at == sent_.end() || at->second.blob.size() < accepted.announced.blob_bytes) return std::nullopt;
  const ByteSpan blob = ByteSpan(at->second.blob).first(accepted.announced.blob_bytes);
  if (checksum(blob) != accepted.announced.checksum) return std::nullopt;
  const auto& said = at->second.announced;
  const std::uint64_t examples = accepted.announced.examples;
  if (std::none_of(said.begin(), said.end(), [&](const wire::Update& each) { return each.examples == examples; }))
    return std::nullopt;
  return Counted{Bytes(blob.begin(), blob.end()), examples};
}

}  // namespace tributary::protocol
