#include "coordinator/admin/watch.h"

#include <utility>

namespace tributary::coordinator {

template <class Change>
void Watch::change(Change change) {
  const std::lock_guard lock(mutex_);
  ++version_;
  change(now_);
}

Watch::Watch(const Settings& settings, std::uint64_t parameters, const Clock& clock) {
  now_.run.federation = settings.federation;
  now_.run.model = settings.model;
  now_.run.parameters = parameters;
  now_.run.rounds_wanted = settings.rounds;
  now_.run.target = settings.target;
  now_.run.started_unix_seconds = clock.unix_seconds();
}

void Watch::round_started(std::uint64_t round, std::size_t selected) {
  change([&](Snapshot& now) {
    now.run.round = round;
    now.run.selected = now.run.goal = selected;
    now.run.arrived = 0;
  });
}

void Watch::update_arrived(std::uint64_t /*round*/, std::size_t accepted, std::size_t goal) {
  change([&](Snapshot& now) {
    now.run.arrived = accepted;
    now.run.goal = goal;
  });
}

void Watch::round_finished(const RoundRecord& record) {
  change([&, kept = std::make_shared<const RoundRecord>(record)](Snapshot& now) {
    now.rounds.push_back(kept);
    if (now.rounds.size() > kKeptRounds) now.rounds.pop_front();
    if (now.run.round == record.round) now.run.round = 0;
    WatchTotals& totals = now.totals;
    ++(record.published ? totals.published : totals.aborted);
    totals.accepted += record.accepted;
    totals.examples += record.examples;
    totals.bytes_down += record.bytes_down;
    totals.bytes_up += record.bytes_up;
    for (const auto& [reason, count] : record.refused) totals.refused[reason] += count;
    for (const auto phase : {&PhaseSeconds::round, &PhaseSeconds::train, &PhaseSeconds::decode, &PhaseSeconds::encode,
                             &PhaseSeconds::fold, &PhaseSeconds::evaluate})
      totals.seconds.*phase += record.seconds.*phase;
  });
}

void Watch::participant_joined(const std::string& name, const std::string& address, std::uint64_t examples) {
  change([&](Snapshot& now) {
    WatchedParticipant& participant = now.participants[name];
    participant.connected = true;
    participant.address = address;
    if (examples > 0) participant.examples = examples;
  });
}

void Watch::participant_left(const std::string& name) {
  change([&](Snapshot& now) { now.participants[name].connected = false; });
}

void Watch::update_judged(const JudgedUpdate& judged) {
  change([&](Snapshot& now) {
    WatchedParticipant& participant = now.participants[judged.participant];
    participant.last_round = judged.round;
    participant.last_accepted = judged.accepted;
    participant.refused = judged.reason;
    ++(judged.accepted ? participant.accepted : participant.refusals);
    if (judged.examples > 0) participant.examples = judged.examples;
  });
}

void Watch::peer_refused(const std::string& kind) {
  change([&](Snapshot& now) { ++now.totals.peers_refused[kind]; });
}

void Watch::listens_on(const std::string& address) {
  change([&](Snapshot& now) { now.run.address = address; });
}

void Watch::paused(bool paused) {
  change([&](Snapshot& now) { now.run.paused = paused; });
}

void Watch::checkpoint(const std::string& how) {
  change([&](Snapshot& now) { now.run.checkpoint = how; });
}

void Watch::over(const std::string& why) {
  change([&](Snapshot& now) {
    now.run.over = true;
    now.run.ended = why;
    now.run.round = 0;
  });
}

std::uint64_t Watch::version() const {
  const std::lock_guard lock(mutex_);
  return version_;
}

Snapshot Watch::snapshot() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

}  // namespace tributary::coordinator
