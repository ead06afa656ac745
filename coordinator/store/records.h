// coordinator/store/records.h
//
// What a store writes down, as plain structs and as entries of its logs (log.h). Values without threads.
//
//   history:      RunBegun, then of each round: RoundBegun, and when it ended RoundEnded, RoundRecorded; at last
//   RunEnded rounds/N.log: RoundOpened, then UpdateAccepted and FateSettled as they come
//
//   entry := u8 kind | fields in the order of the struct, little-endian; text := u32 length | characters;
//            an update's announcement is the protocol's message (schemas/federation.capnp), length before it
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/digest.h"
#include "common/wire/messages.h"

namespace tributary::coordinator::store {

// The run that the store is of.
struct RunBegun {
  std::string run;  // 32 hexadecimal characters
  std::string federation;
  std::int64_t unix_seconds = 0;
  std::vector<std::pair<std::string, std::string>> configuration;  // key, value
  Digest skeleton, model;                                          // of the graph without values, and of the values
};

// What ended, and with which models. Chained: `previous` is chain_of() the one before, zeros before the first.
struct RoundEnded {
  std::uint64_t round = 0;
  bool published = false;
  Digest model, edge;  // after it
  Digest previous;
  std::string record;  // JSON of the round's record, before the evaluation
};
// A link of the chain: everything that RoundEnded says and, by `previous`, everything before it.
Digest chain_of(const RoundEnded& ended);

// The record with all that came later (the evaluation), as rounds.jsonl has it.
struct RoundRecorded {
  std::uint64_t round = 0;
  std::string record;
};

struct RunEnded {
  std::string why;
};

// That a log of the round is there, durably.
struct RoundBegun {
  std::uint64_t round = 0;
};

struct RoundOpened {
  std::uint64_t round = 0;
  std::uint32_t goal = 0, quorum = 0;
  std::vector<std::string> selected;
  Digest edge;  // that is offered
};

// Acknowledged: part of the round's sum for ever.
struct UpdateAccepted {
  std::string participant;
  wire::Update announced;
  std::string file;   // in the folder spool
  Bytes bytes;        // of a small update, which no file needs to hold durably; empty = in the file
  double factor = 1;  // by which its values count: codec::UpdateCheck::factor
};

// A fate that no later event changes, other than Accepted.
struct FateSettled {
  std::string participant;
  std::uint8_t fate = 0;  // coordinator/round.h
  std::string reason;
};

using Record =
    std::variant<RunBegun, RoundEnded, RoundRecorded, RunEnded, RoundOpened, UpdateAccepted, FateSettled, RoundBegun>;

Bytes to_entry(const Record& record);
// Throws Corrupt naming `source`.
Record from_entry(ByteSpan entry, const std::string& source);

}  // namespace tributary::coordinator::store
