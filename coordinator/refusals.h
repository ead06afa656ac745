// coordinator/refusals.h
//
// What was refused, counted by kind, and logged once per kind and peer: further ones of the same are told of together,
// at most once in a while. What it remembers is bounded: a flood from many addresses is logged as one from "others".
//
// Network thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/clock.h"

namespace tributary::coordinator {

class Refusals {
 public:
  // Peers, each with a kind, that are told apart.
  static constexpr std::size_t kMaxPeers = 4096;

  // `clock` must outlive it. `quiet`: from one line of the log about a peer and kind to the next.
  Refusals(const Clock& clock, Duration quiet) : clock_(clock), quiet_(quiet) {}

  // Counts one and logs `what` when it is time. `peer`: a participant's name, or an address without its port. Returns
  // whether it was logged.
  bool note(const std::string& kind, const std::string& peer, std::string_view what);

  // Kind -> count, since the start.
  const std::map<std::string, std::uint64_t>& counts() const { return counts_; }

 private:
  struct Told {
    TimePoint at;
    std::uint64_t since = 0;  // refusals that were not logged
  };
  Told* find(const std::string& kind, const std::string& peer);

  const Clock& clock_;
  Duration quiet_;
  std::map<std::string, std::uint64_t> counts_;
  std::map<std::pair<std::string, std::string>, Told> told_;
};

}  // namespace tributary::coordinator
