#include "coordinator/roster.h"

#include <utility>

#include "coordinator/session.h"

namespace tributary::coordinator {

void Roster::opened(Session& session) {
  numbers_[&session] = ++opened_;
  lines_[opened_] = &session;
}

void Roster::closed(Session& session) {
  const auto number = numbers_.extract(&session);
  lines_.erase(number.mapped());
  const net::Traffic traffic = session.traffic();
  ended_.bytes_in += traffic.bytes_in;
  ended_.bytes_out += traffic.bytes_out;
}

Session* Roster::join(Session& session) {
  lost_.erase(session.name());
  return std::exchange(by_name_[session.name()], &session);
}

bool Roster::leave(Session& session) {
  const auto at = by_name_.find(session.name());
  if (at == by_name_.end() || at->second != &session) return false;
  by_name_.erase(at);
  return true;
}

Session* Roster::find(const std::string& name) const {
  const auto at = by_name_.find(name);
  return at == by_name_.end() ? nullptr : at->second;
}

std::vector<std::string> Roster::connected() const {
  std::vector<std::string> names;
  names.reserve(by_name_.size());
  for (const auto& [name, session] : by_name_) names.push_back(name);
  return names;
}

std::vector<std::string> Roster::there(TimePoint now, Duration window) {
  std::erase_if(lost_, [&](const auto& entry) { return entry.second + window <= now; });
  std::set<std::string> names;
  for (const auto& [name, session] : by_name_) names.insert(name);
  for (const auto& [name, since] : lost_) names.insert(name);
  return {names.begin(), names.end()};
}

void Roster::for_each(const std::function<void(Session&)>& visit) const {
  std::vector<Session*> all;
  for (const auto& [number, session] : lines_) all.push_back(session);
  for (Session* session : all) visit(*session);
}

net::Traffic Roster::traffic() const {
  net::Traffic sum = ended_;
  for (const auto& [number, session] : lines_) {
    const net::Traffic traffic = session->traffic();
    sum.bytes_in += traffic.bytes_in;
    sum.bytes_out += traffic.bytes_out;
  }
  return sum;
}

}  // namespace tributary::coordinator
