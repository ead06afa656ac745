// coordinator/admin/views.h
//
// A Snapshot as the admin listener tells it. Pure; any thread.
#pragma once

#include <string>

#include "coordinator/admin/watch.h"

namespace tributary::coordinator {

// Prometheus text format, version 0.0.4.
std::string metrics_text(const Snapshot& snapshot);

// JSON: one object, one array of objects, one array of rounds.jsonl's objects that are newer than round `since`.
std::string status_json(const Snapshot& snapshot);
std::string participants_json(const Snapshot& snapshot);
std::string rounds_json(const Snapshot& snapshot, std::uint64_t since);

}  // namespace tributary::coordinator
