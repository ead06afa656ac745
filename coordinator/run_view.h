// coordinator/run_view.h
//
// What a user sees of a run: a row for each round, on a terminal a status line below; or, for scripts, each record as a
// line of JSON. One thread.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "common/options/terminal.h"
#include "coordinator/server.h"

namespace tributary::coordinator {

class RunView final : public Observer {
 public:
  struct Options {
    options::Terminal terminal;
    bool json = false;
    std::uint64_t rounds = 0;  // of the run; 0 = for ever
  };
  // `out` must outlive it.
  RunView(std::ostream& out, const Options& options);

  // A line of its own; nothing under --json.
  void note(const std::string& text);
  void waiting_for(std::uint32_t participants);

  void round_started(std::uint64_t round, std::size_t selected) override;
  void update_arrived(std::uint64_t round, std::size_t accepted, std::size_t goal) override;
  void round_finished(const RoundRecord& record) override;

 private:
  void show_progress();

  std::ostream& out_;
  Options options_;
  options::LiveTable table_;
  options::Pace pace_;
  options::Progress progress_;
};

}  // namespace tributary::coordinator
