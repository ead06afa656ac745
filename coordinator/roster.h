// coordinator/roster.h
//
// Who is here: the session in force of each participant, those whose line was lost a moment ago, and what went over all
// lines. Network thread; sessions are borrowed between opened() and closed().
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/clock.h"
#include "common/net/channel.h"

namespace tributary::coordinator {

class Session;

class Roster {
 public:
  // The life of a line, greeted or not.
  void opened(Session& session);
  void closed(Session& session);

  // Makes the session the one in force of its participant; returns the one that was, or nullptr.
  Session* join(Session& session);
  // Returns false when the session is not in force (any more).
  bool leave(Session& session);
  // Its participant counts as there for a while.
  void note_lost(const std::string& name, TimePoint now) { lost_[name] = now; }

  Session* find(const std::string& name) const;
  // Sorted names of those with a session in force.
  std::vector<std::string> connected() const;
  // The same and those that were lost less than `window` ago.
  std::vector<std::string> there(TimePoint now, Duration window);
  // Calls `visit` for every line, in the order in which they were opened; it may end the session.
  void for_each(const std::function<void(Session&)>& visit) const;

  // Over all lines there ever were.
  net::Traffic traffic() const;

 private:
  std::map<std::uint64_t, Session*> lines_;  // as they were opened
  std::unordered_map<const Session*, std::uint64_t> numbers_;
  std::uint64_t opened_ = 0;
  std::map<std::string, Session*> by_name_;
  std::map<std::string, TimePoint> lost_;
  net::Traffic ended_;
};

}  // namespace tributary::coordinator
