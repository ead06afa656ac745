// tests/hostile/arena.h
//
// One run of the real coordinator program, with honest participants and whoever else, all in forks of the test; and how
// it ended. The honest are the first of those enrolled.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/model/parameters.h"
#include "coordinator/round_record.h"
#include "tests/bench/transport_coordinator.h"
#include "tests/hostile/participants.h"

namespace tributary::hostile {

struct Setting {
  std::size_t honest = 5;
  std::size_t others = 0;  // enrolled, too
  std::uint64_t rounds = 3;
  std::size_t processes = 1;      // that the honest share
  bool waits_for_others = false;  // a round ends when the others have been refused, else with the last honest update
  Habits habits = {};
  std::vector<std::string> words = {};  // further words for the coordinator
};

struct Outcome {
  std::vector<coordinator::RoundRecord> records;
  std::uint64_t peak_rss_bytes = 0;
  std::string log;

  std::vector<std::string> digests() const;
  std::uint64_t accepted() const;
  double longest_round() const;
  // Of what the coordinator says at its end that it has refused.
  std::uint64_t refused(const std::string& kind) const;
  // Lines of its log about `kind` of refusals.
  std::size_t lines_about(const std::string& kind) const;
};

class Arena {
 public:
  // The coordinator listens when this returns.
  explicit Arena(const Setting& setting);

  Board& board() { return *board_; }
  const model::ParameterLayout& layout() const { return *layout_; }
  std::span<const net::Bundle> honest() const { return std::span(bundles_).first(setting_.honest); }
  std::span<const net::Bundle> others() const { return std::span(bundles_).subspan(setting_.honest); }
  std::uint16_t port() const { return bundles_.front().port; }
  std::uint64_t resident_bytes() const;  // of the coordinator, now
  void admit_the_honest();
  // Whoever else; ends when it likes, or with the arena.
  template <class Work>
  void bring(Work work) {
    others_.start(std::move(work));
  }
  // Waits until the run is over and all have left.
  Outcome finish();

 private:
  Setting setting_;
  SharedBoard board_;
  std::string spec_;
  model::LayoutPtr layout_;
  std::optional<bench::BenchedCoordinator> coordinator_;
  std::vector<net::Bundle> bundles_;
  Crew honest_, others_;
};

// Waits until `done`, at most so long; whether it came.
template <class Done>
bool await(double seconds, Done done) {
  const std::int64_t until = now_ns() + static_cast<std::int64_t>(seconds * 1e9);
  while (!done()) {
    if (now_ns() > until) return false;
    ::usleep(5000);
  }
  return true;
}

}  // namespace tributary::hostile
