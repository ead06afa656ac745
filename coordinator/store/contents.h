// coordinator/store/contents.h
//
// What a store holds, as it is read at a start, by an operator's inspection, and by tests. Values and functions of any
// thread.
//
//   STORE/history        log of the run and its rounds (records.h), chained round by round
//   STORE/rounds/N.log   log of round N: whom it asked, which updates it counted, what it refused
//   STORE/spool/FILE     an update, byte for byte; FILE is named by the round's log when it counts
//   STORE/states/N       the models after round N and all that the next follow from (model_state.h)
//   STORE/blobs/SHA256   edge copies that differences are made to
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/files.h"
#include "coordinator/store/records.h"

namespace tributary::coordinator::store {

struct PastRound {
  RoundEnded ended;
  std::string record;     // with the evaluation when that was recorded
  bool recorded = false;  // whether it was
};

struct RoundContents {
  RoundOpened opened;
  std::vector<UpdateAccepted> accepted;
  std::vector<FateSettled> settled;
};

// A run as its history tells it.
struct History {
  std::optional<RunBegun> run;
  std::vector<PastRound> rounds;  // 1, 2, 3, ... without gaps
  std::optional<std::string> ended;
  std::uint64_t begun = 0;  // the last round that has, or had, a log

  std::uint64_t last_round() const { return rounds.empty() ? 0 : rounds.back().ended.round; }
  std::uint64_t last_published() const;
  Digest chain() const { return rounds.empty() ? Digest{} : chain_of(rounds.back().ended); }
};

// Take entries of the logs in; throw Corrupt, naming `source`, when one contradicts those before it.
void take(History& history, ByteSpan entry, const std::string& source);
void take(std::optional<RoundContents>& round, ByteSpan entry, const std::string& source);

Path history_file(const Path& store);
Path round_file(const Path& store, std::uint64_t round);
Path spool_folder(const Path& store);
Path state_file(const Path& store, std::uint64_t round);
Path states_folder(const Path& store);
Path blob_file(const Path& store, const Digest& digest);

// Rounds that have a log or a state, in order.
std::vector<std::uint64_t> rounds_with_log(const Files& files, const Path& store);
std::vector<std::uint64_t> rounds_with_state(const Files& files, const Path& store);

// The bytes of an accepted update are there and what they were. Throws Corrupt, naming the file.
void check_update_file(const Files& files, const Path& store, const UpdateAccepted& accepted);
// Throws Corrupt unless it is there and what its name says.
Bytes read_blob(const Files& files, const Path& store, const Digest& digest);

// History and logs of rounds agree: none is later than the open one, which has a log if it was begun.
// Throws Corrupt.
void check_round_logs(const History& history, const std::vector<std::uint64_t>& logs, const Path& store);

}  // namespace tributary::coordinator::store
