// coordinator/store/inspection.h
//
// What is in a store, for an operator: every checksum compared, every link of the chain followed, every file that must
// be there looked for. Only reads; any thread.
#pragma once

#include <string>
#include <vector>

#include "common/base/files.h"
#include "coordinator/store/contents.h"

namespace tributary::coordinator::store {

struct Inspection {
  History history;
  std::optional<RoundContents> unfinished;  // the round that is on
  std::vector<std::string> damage;          // one line each, names the file; empty = the store is whole
  std::vector<std::string> notes;           // what a crash has left and the next start tidies up
  std::uint64_t updates_checked = 0, files_checked = 0, bytes_checked = 0;
};

// Never throws on what the store holds. Throws Unavailable when there is no store.
Inspection inspect(const Files& files, const Path& store);

}  // namespace tributary::coordinator::store
