#include "participant/narrator.h"

#include <cstdio>

#include "common/base/log.h"

namespace tributary::participant {

void Narrator::connected(const std::string& federation) {
  say("joined " + federation);
}

void Narrator::verdict(std::uint64_t round, bool accepted, const std::string& reason) {
  char numbers[160];
  std::snprintf(numbers, sizeof numbers, "%llu examples  loss %.4f  accuracy %.4f  %.1f KB  %.2f s  ",
                static_cast<unsigned long long>(result_.examples), result_.loss, result_.accuracy,
                static_cast<double>(result_.update_bytes) / 1000, result_.seconds);
  say("round " + std::to_string(round) + "  " + numbers + (accepted ? "accepted" : "refused: " + reason));
}

void Narrator::disconnected(const std::string& reason, double retry_seconds) {
  char pause[32];
  std::snprintf(pause, sizeof pause, "%.1f s", retry_seconds);
  log::warning("participant", name_ + ": " + reason + "; connecting again in " + pause);
}

void Narrator::ended(const AgentEnd& end) {
  say("ended after " + std::to_string(end.rounds) + (end.rounds == 1 ? " round: " : " rounds: ") + end.reason);
}

// A line at once, also when standard output is a file that somebody follows.
void Narrator::say(const std::string& line) const {
  if (quiet_) return;
  std::printf("%s  %s\n", name_.c_str(), line.c_str());
  std::fflush(stdout);
}

}  // namespace tributary::participant
