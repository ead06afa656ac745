#include "coordinator/round.h"

#include <algorithm>

#include "common/base/error.h"

namespace tributary::coordinator {

std::string_view name_of(Fate fate) {
  switch (fate) {
    case Fate::Waiting:
      return "waiting";
    case Fate::Accepted:
      return "accepted";
    case Fate::Declined:
      return "declined";
    case Fate::Refused:
      return "refused";
    case Fate::Vanished:
      return "vanished";
    case Fate::Late:
      return "late";
  }
  check_failed("a fate", __FILE__, __LINE__);
}

Round::Round(RoundTerms terms, std::vector<std::string> selected) : terms_(terms), open_(selected.size()) {
  TRIBUTARY_CHECK(terms_.goal >= 1 && terms_.quorum <= terms_.goal);
  terms_.quorum = std::max(terms_.quorum, std::uint32_t{1});
  for (std::string& name : selected) {
    const bool is_new = members_.emplace(std::move(name), Member{}).second;
    TRIBUTARY_CHECK(is_new);
  }
}

void Round::restore(const std::string& participant, Fate fate, const std::string& reason) {
  const auto member = find_open(participant);
  TRIBUTARY_CHECK(member != members_.end() && fate != Fate::Waiting);
  settle(member, fate, reason);
}

Actions Round::start(TimePoint now, const std::vector<std::string>& connected) {
  const std::set<std::string_view> here(connected.begin(), connected.end());
  Actions actions;
  for (auto member = members_.begin(); member != members_.end(); ++member) {
    if (member->second.fate != Fate::Waiting) continue;
    if (here.contains(member->first)) {
      actions.push_back(SendOffer{member->first});
    } else {
      // As if the line had been lost when the ordinary window ends together with this one.
      const Duration more = terms_.start_window ? *terms_.start_window - terms_.return_window : Duration{};
      mark_gone(member, now + more);
    }
  }
  conclude(now, actions);
  return actions;
}

Actions Round::joined(const std::string& participant, TimePoint now) {
  Actions actions = tick(now);
  if (const auto open = find_open(participant); open != members_.end()) {
    mark_present(open);
    actions.push_back(SendOffer{participant});
    return actions;
  }
  const auto member = members_.find(participant);
  if (member == members_.end()) return actions;
  const bool told_just_now = member->second.fate == Fate::Late && !actions.empty();
  if (member->second.fate == Fate::Vanished || (member->second.fate == Fate::Late && !told_just_now)) {
    // First, so that the end of the round stays the last action when this very call brought it.
    actions.insert(actions.begin(), TellClosed{participant, std::string(refusal_of(participant))});
  }
  return actions;
}

Actions Round::left(const std::string& participant, TimePoint now) {
  Actions actions = tick(now);
  if (const auto member = find_open(participant); member != members_.end()) {
    mark_gone(member, now);
    conclude(now, actions);
  }
  return actions;
}

Actions Round::declined(const std::string& participant, const std::string& reason, TimePoint now) {
  Actions actions = tick(now);
  if (const auto member = find_open(participant); member != members_.end()) {
    settle(member, Fate::Declined, reason);
    conclude(now, actions);
  }
  return actions;
}

Actions Round::arrived(const std::string& participant, TimePoint now) {
  Actions actions = tick(now);
  if (const auto member = find_open(participant); member != members_.end()) {
    settle(member, Fate::Accepted);
    actions.push_back(CountUpdate{participant});
    conclude(now, actions);
  } else {
    actions.insert(actions.begin(), RefuseUpdate{participant, std::string(refusal_of(participant))});
  }
  return actions;
}

Actions Round::bad_update(const std::string& participant, const std::string& reason, TimePoint now) {
  Actions actions = tick(now);
  if (const auto member = find_open(participant); member != members_.end()) {
    settle(member, Fate::Refused, reason);
    actions.push_back(RefuseUpdate{participant, reason});
    conclude(now, actions);
  } else {
    actions.insert(actions.begin(), RefuseUpdate{participant, std::string(refusal_of(participant))});
  }
  return actions;
}

Actions Round::tick(TimePoint now) {
  Actions actions;
  conclude(now, actions);
  return actions;
}

Actions Round::cancel(const std::string& reason) {
  Actions actions;
  if (!ended_) end(Abort{reason}, reason, actions);
  return actions;
}

std::optional<TimePoint> Round::next_wake() const {
  if (ended_) return std::nullopt;
  TimePoint last = terms_.deadline;
  if (complete_since_ && last - *complete_since_ > terms_.grace) last = *complete_since_ + terms_.grace;
  if (gone_.empty()) return last;
  // As a comparison of durations, so that a window without end does not overflow.
  const TimePoint first_gone = gone_.begin()->first;
  return last - first_gone <= terms_.return_window ? last : first_gone + terms_.return_window;
}

bool Round::is_open_for(const std::string& participant) const {
  const auto member = members_.find(participant);
  return member != members_.end() && member->second.fate == Fate::Waiting;
}

bool Round::has_accepted(const std::string& participant) const {
  const auto member = members_.find(participant);
  return member != members_.end() && member->second.fate == Fate::Accepted;
}

std::map<std::string, std::uint64_t> Round::refused() const {
  std::map<std::string, std::uint64_t> counts;
  for (const auto& [name, member] : members_) {
    if (member.fate == Fate::Waiting || member.fate == Fate::Accepted) continue;
    if (member.fate == Fate::Refused) {
      ++counts[member.reason];
    } else if (member.fate == Fate::Declined) {
      ++counts["declined: " + member.reason];
    } else {
      ++counts[std::string(name_of(member.fate))];
    }
  }
  return counts;
}

Round::Members::iterator Round::find_open(const std::string& participant) {
  const auto member = members_.find(participant);
  return member != members_.end() && member->second.fate == Fate::Waiting ? member : members_.end();
}

void Round::settle(Members::iterator member, Fate fate, std::string reason) {
  mark_present(member);
  member->second.fate = fate;
  member->second.reason = std::move(reason);
  --open_;
  if (fate == Fate::Accepted) ++accepted_;
}

void Round::mark_gone(Members::iterator member, TimePoint now) {
  if (member->second.gone_since) return;
  member->second.gone_since = now;
  gone_.emplace(now, member->first);
}

void Round::mark_present(Members::iterator member) {
  if (!member->second.gone_since) return;
  gone_.erase({*member->second.gone_since, member->first});
  member->second.gone_since.reset();
}

void Round::expire_windows(TimePoint now) {
  while (!gone_.empty() && now - gone_.begin()->first >= terms_.return_window) {
    settle(members_.find(gone_.begin()->second), Fate::Vanished);
  }
}

void Round::conclude(TimePoint now, Actions& actions) {
  if (ended_) return;
  expire_windows(std::min(now, terms_.deadline));
  timed_out_ = now >= terms_.deadline;
  if (accepted_ >= terms_.goal && !complete_since_) complete_since_ = now;
  const bool waited = complete_since_ && now - *complete_since_ >= terms_.grace;
  if (complete_since_ && (waited || open_ == 0 || timed_out_)) {
    end(Publish{}, "the round is complete", actions);
  } else if (open_ == 0 || timed_out_) {
    const std::string_view told = timed_out_ ? "the deadline has passed" : "the round is over";
    end(accepted_ >= terms_.quorum ? Action(Publish{}) : Action(Abort{missing_quorum()}), told, actions);
  } else if (accepted_ + open_ < terms_.quorum) {
    end(Abort{missing_quorum()}, "the round cannot reach its quorum", actions);
  }
}

void Round::end(Action last, std::string_view told, Actions& actions) {
  for (auto member = members_.begin(); member != members_.end() && open_ > 0; ++member) {
    if (member->second.fate != Fate::Waiting) continue;
    settle(member, Fate::Late);
    actions.push_back(TellClosed{member->first, std::string(told)});
  }
  actions.push_back(std::move(last));
  ended_ = true;
}

std::string Round::missing_quorum() const {
  return std::to_string(accepted_) + " of the " + std::to_string(terms_.quorum) + " updates that the quorum asks for";
}

std::string_view Round::refusal_of(const std::string& participant) const {
  const auto member = members_.find(participant);
  if (member == members_.end()) return kNotSelected;
  switch (member->second.fate) {
    case Fate::Accepted:
      return kCountedBefore;
    case Fate::Declined:
      return kDeclinedBefore;
    case Fate::Refused:
      return member->second.reason;
    case Fate::Late:
      return timed_out_ ? kLate : kRoundClosed;
    case Fate::Vanished:
    case Fate::Waiting:
      return kLate;
  }
  check_failed("a fate", __FILE__, __LINE__);
}

}  // namespace tributary::coordinator
