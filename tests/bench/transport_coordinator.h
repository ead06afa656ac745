// tests/bench/transport_coordinator.h
//
// The coordinator under measurement: the built program as a process of its own, with a federation made for it in a
// temporary folder, which goes away with the object. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

#include "common/base/files.h"
#include "common/net/pki.h"
#include "simulations/children.h"

namespace tributary::bench {

// CPU time (user and system, ended threads included) that the process has used, in seconds.
double cpu_seconds_of(pid_t process);

class BenchedCoordinator {
 public:
  // Starts `program` run with `words` behind; `participants` are enrolled. Throws Unavailable.
  BenchedCoordinator(const Path& program, std::size_t participants, const std::vector<std::string>& words);
  ~BenchedCoordinator();
  BenchedCoordinator(const BenchedCoordinator&) = delete;
  BenchedCoordinator& operator=(const BenchedCoordinator&) = delete;

  // Waits until it listens. Throws Unavailable, with its last words, when it ends instead.
  void await_listening();
  // One for each participant; they name where it listens. REQUIRES: await_listening().
  std::vector<net::Bundle> bundles() const;
  pid_t process() const { return children_.process("coordinator"); }
  // Where its run and its log (file "log") lie.
  const Path& folder() const { return folder_; }

  // Waits for its end; its peak resident set, in bytes. Throws Unavailable when it failed.
  std::uint64_t await_end();

 private:
  std::string last_words() const;

  Path folder_;
  std::size_t participants_;
  std::uint16_t port_ = 0;
  simulation::Children children_;
};

}  // namespace tributary::bench
