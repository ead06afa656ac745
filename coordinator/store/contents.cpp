#include "coordinator/store/contents.h"

#include <algorithm>
#include <utility>

#include "common/base/checksum.h"
#include "common/base/error.h"
#include "common/base/text.h"

namespace tributary::coordinator::store {

namespace {

[[noreturn]] void corrupt(const std::string& source, const std::string& what) {
  fail(Error::Kind::Corrupt, source + ": " + what);
}

constexpr std::string_view kLogEnding = ".log";

// Names of `folder` that are numbers followed by `ending`.
std::vector<std::uint64_t> numbers_in(const Files& files, const Path& folder, std::string_view ending) {
  std::vector<std::uint64_t> numbers;
  if (!files.exists(folder)) return numbers;
  for (const std::string& name : files.list(folder)) {
    if (!name.ends_with(ending)) continue;
    const auto number = parse_int(std::string_view(name).substr(0, name.size() - ending.size()));
    if (number && *number >= 0) numbers.push_back(static_cast<std::uint64_t>(*number));
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

struct HistoryTaker {
  History& history;
  const std::string& source;

  void operator()(RunBegun& r) const {
    if (history.run) corrupt(source, "it says twice that the run began");
    history.run = std::move(r);
  }
  void operator()(RoundEnded& r) const {
    if (!history.run || history.ended) corrupt(source, "a round out of place");
    if (r.round != history.last_round() + 1)
      corrupt(source, "round " + std::to_string(r.round) + " follows round " + std::to_string(history.last_round()));
    if (r.previous != history.chain())
      corrupt(source, "round " + std::to_string(r.round) + " does not name the round before it");
    std::string record = r.record;
    history.rounds.push_back({std::move(r), std::move(record), false});
  }
  void operator()(RoundBegun& r) const {
    if (!history.run || history.ended || r.round != history.last_round() + 1) corrupt(source, "a round out of place");
    history.begun = r.round;
  }
  void operator()(RoundRecorded& r) const {
    if (history.rounds.empty() || history.last_round() != r.round || history.rounds.back().recorded)
      corrupt(source, "the record of round " + std::to_string(r.round) + " is out of place");
    history.rounds.back().record = std::move(r.record);
    history.rounds.back().recorded = true;
  }
  void operator()(RunEnded& r) const {
    if (!history.run || history.ended) corrupt(source, "it says twice that the run ended");
    history.ended = std::move(r.why);
  }
  template <class Other>
  void operator()(Other&) const {
    corrupt(source, "an entry that belongs into the log of a round");
  }
};

struct RoundTaker {
  std::optional<RoundContents>& round;
  const std::string& source;

  void operator()(RoundOpened& r) const {
    if (round) corrupt(source, "the round is opened twice");
    round.emplace();
    round->opened = std::move(r);
  }
  void operator()(UpdateAccepted& r) const {
    if (!round) corrupt(source, "an update of a round that was not opened");
    const auto is_its = [&](const UpdateAccepted& other) { return other.participant == r.participant; };
    if (std::any_of(round->accepted.begin(), round->accepted.end(), is_its))
      corrupt(source, "the update of " + r.participant + " is there twice");
    if (r.file.empty() || r.file.find('/') != std::string::npos) corrupt(source, "an update in no file of the spool");
    round->accepted.push_back(std::move(r));
  }
  void operator()(FateSettled& r) const {
    if (!round) corrupt(source, "a fate in a round that was not opened");
    round->settled.push_back(std::move(r));
  }
  template <class Other>
  void operator()(Other&) const {
    corrupt(source, "an entry that belongs into the history");
  }
};

}  // namespace

std::uint64_t History::last_published() const {
  const auto last = std::find_if(rounds.rbegin(), rounds.rend(), [](const PastRound& r) { return r.ended.published; });
  return last == rounds.rend() ? 0 : last->ended.round;
}

void take(History& history, ByteSpan entry, const std::string& source) {
  Record record = from_entry(entry, source);
  std::visit(HistoryTaker{history, source}, record);
}

void take(std::optional<RoundContents>& round, ByteSpan entry, const std::string& source) {
  Record record = from_entry(entry, source);
  std::visit(RoundTaker{round, source}, record);
}

Path history_file(const Path& store) {
  return store / "history";
}
Path round_file(const Path& store, std::uint64_t round) {
  return store / "rounds" / (std::to_string(round) + std::string(kLogEnding));
}
Path spool_folder(const Path& store) {
  return store / "spool";
}
Path states_folder(const Path& store) {
  return store / "states";
}
Path state_file(const Path& store, std::uint64_t round) {
  return states_folder(store) / std::to_string(round);
}
Path blob_file(const Path& store, const Digest& digest) {
  return store / "blobs" / digest.hex();
}

std::vector<std::uint64_t> rounds_with_log(const Files& files, const Path& store) {
  return numbers_in(files, store / "rounds", kLogEnding);
}
std::vector<std::uint64_t> rounds_with_state(const Files& files, const Path& store) {
  return numbers_in(files, states_folder(store), "");
}

void check_update_file(const Files& files, const Path& store, const UpdateAccepted& accepted) {
  const Path path = spool_folder(store) / accepted.file;
  const std::string of = " (the update of " + accepted.participant + ", which was acknowledged)";
  if (!files.exists(path)) corrupt(path.string(), "missing" + of);
  const auto file = files.map(path);
  if (file->bytes().size() != accepted.announced.blob_bytes) corrupt(path.string(), "not of the size it had" + of);
  if (checksum(file->bytes()) != accepted.announced.checksum) corrupt(path.string(), "damaged" + of);
}

Bytes read_blob(const Files& files, const Path& store, const Digest& digest) {
  const Path path = blob_file(store, digest);
  if (!files.exists(path)) corrupt(path.string(), "missing");
  const auto file = files.map(path);
  if (sha256(file->bytes()) != digest) corrupt(path.string(), "damaged: its bytes are not those of its name");
  return {file->bytes().begin(), file->bytes().end()};
}

void check_round_logs(const History& history, const std::vector<std::uint64_t>& logs, const Path& store) {
  if (history.begun > history.last_round() && (logs.empty() || logs.back() < history.begun))
    corrupt(round_file(store, history.begun).string(), "missing, but the round was opened");
  if (logs.empty() || logs.back() <= history.last_round() + 1) return;
  corrupt(history_file(store).string(), "ends with round " + std::to_string(history.last_round()) + ", but round " +
                                            std::to_string(logs.back()) + " was opened: rounds are missing");
}

}  // namespace tributary::coordinator::store
