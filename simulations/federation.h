// simulations/federation.h
//
// The files of a local federation, in the folder of its run:
//
//   federation/             authority, coordinator's certificate, enrolments (coordinator/pki.h)
//   bundles/0000/p0000.bundle   a folder for each process, with the bundles of its participants
//   data/                   IDX files unpacked once, so that every process maps the same copy
//   parts/p0000.index       which examples each participant holds
//   logs/                   what the processes say
//   state/                  what participants keep for a restart, where there are restarts
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/data/dataset.h"
#include "simulations/scenario.h"

namespace tributary::simulation {

// Who holds what.
struct Holdings {
  data::DatasetPtr examples;  // all of them
  std::vector<std::string> names;
  std::vector<std::vector<std::uint32_t>> parts;  // of each name
};

struct Federation {
  Path folder;                // for `tributary-coordinator run`
  std::vector<Path> bundles;  // one folder a process
  Path logs;
  Holdings holdings;
};

// Loads and deals the examples. Throws Refused when `out` holds a run already; what data::load and data::partition
// throw. Nothing is written.
Holdings share_out(const Files& files, const Scenario& scenario, const Path& out);

// What tributary::net::check_name takes, of a scenario's title.
std::string federation_name(const std::string& title);

// The files of a federation of processes. Throws what share_out and coordinator::init_federation throw.
// `scenario.data` then names the unpacked files and the participants' subsets.
Federation make_federation(Files& files, const Clock& clock, const std::string& title, Scenario& scenario,
                           const Path& out);

}  // namespace tributary::simulation
