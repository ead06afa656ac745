// coordinator/admin/listener.h
//
// The admin listener of a running coordinator: for people the dashboard (/), for monitoring /metrics and /healthz, for
// commands /api/. On one thread of its own, of low priority, which does what has come in and then rests, so that it takes
// a sixteenth of a processor at most: whoever asks, and however often, the rounds go on. Answers are made at most four
// times a second and shared; a client that asks more often than its allowance hears 429.
//
//   GET  /  /dashboard.css  /dashboard.js  /chart.js  /healthz      for everybody who reaches the listener
//   GET  /metrics  /api/status  /api/participants  /api/rounds?since=N  /api/events (server-sent events)
//   POST /api/pause  /api/resume  /api/checkpoint
//   POST /api/login  the token as body: sets the cookie by which a browser shows it
//
// With a token, all of /metrics and /api want it: "Authorization: Bearer TOKEN", or the cookie. A POST also wants the
// field X-Tributary, which no page of another site can send; a listener on loopback answers only to loopback's names,
// so that no page can reach it by a name that it makes point here.
//
// Life: construct (listens and answers from then on); destroy, which ends its thread. Any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "coordinator/admin/watch.h"

namespace tributary::coordinator {

struct AdminSettings {
  std::string listen;     // admin.listen: HOST:PORT; empty = none
  Path token_file;        // admin.token_file: one line
  Path certificate, key;  // PEM; both or none
  // admin.requests_per_second: of one client's address; 0 = any number
  std::uint64_t requests_per_second = 200;
};

void bind(options::Keys& keys, AdminSettings& settings);
// Throws Malformed: half of a TLS identity, a token file that holds no token of 16 characters or more; Refused: not
// loopback without TLS and token; Unavailable.
void check(const AdminSettings& settings);

// What an operator's commands do. Called on the listener's thread; they must be quick.
struct Controls {
  std::function<void(bool paused)> pause;
  std::function<void()> checkpoint;
};

class AdminListener {
 public:
  // `watch` must outlive it. Throws what check() and http::Server throw.
  AdminListener(const AdminSettings& settings, const Watch& watch, Controls controls);
  ~AdminListener();
  AdminListener(const AdminListener&) = delete;
  AdminListener& operator=(const AdminListener&) = delete;

  std::string address() const;
  void reload_tls();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tributary::coordinator
