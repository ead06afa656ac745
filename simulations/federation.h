// simulations/federation.h
//
// The files of a local federation, in the folder of its run:
//
//   federation/             authority, coordinator's certificate, enrolments (coordinator/pki.h)
//   bundles/0000/p0000.bundle   a folder for each process, with the bundles of its participants
//   data/                   IDX files unpacked once, so that every process maps the same copy
//   parts/p0000.index       which examples each participant holds
//   logs/                   what the processes say
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/data/dataset.h"
#include "simulations/scenario.h"

namespace tributary::simulation {

struct Federation {
  Path folder;                // for `tributary-coordinator run`
  std::vector<Path> bundles;  // one folder a process
  Path logs;
  data::DatasetPtr examples;  // all of them
  std::vector<std::string> names;
  std::vector<std::vector<std::uint32_t>> parts;  // of each name
};

// Throws Refused when `out` holds a run already; what data::load, data::partition and coordinator::init_federation
// throw. `scenario.data` then names the unpacked files and the participants' subsets.
Federation make_federation(Files& files, const Clock& clock, const std::string& title, Scenario& scenario,
                           const Path& out);

}  // namespace tributary::simulation
