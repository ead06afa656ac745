// coordinator/daemon.h
//
// A server behind a listener on real time, until the run is over or a signal comes. Used by `run` and by system tests.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/base/service_manager.h"
#include "common/model/graph.h"
#include "common/net/tls.h"
#include "coordinator/evaluator.h"
#include "coordinator/listener.h"
#include "coordinator/pki.h"
#include "coordinator/server.h"
#include "coordinator/settings.h"
#include "coordinator/store/run_store.h"

namespace tributary::coordinator {

// What an operator may ask of a running daemon. Any thread.
struct Operations {
  std::function<void(bool paused)> pause;
  std::function<void(std::function<void(Ending)> write)> checkpoint;  // Server::checkpoint
};

struct DaemonParts {
  const Clock& clock;  // the system's
  store::RunStore& store;
  const Settings& settings;
  const model::Graph& graph;  // looked at until `listening` is called
  Evaluator* evaluator = nullptr;
  Observer& observer;
  std::shared_ptr<const net::Credentials> credentials;
  Enrollment& enrollment;
  ListenOptions listen;
  // Called with the address once connections are accepted.
  std::function<void(const std::string& address)> listening;
  // Called with the operations before the first round, and with nothing when they are of no use any more.
  std::function<void(const Operations*)> operations = {};
  // Called on SIGHUP; gives the credentials to show from now on, or null to keep those that are shown. Must not throw.
  std::function<std::shared_ptr<const net::Credentials>()> reload = {};
  const ServiceManager* manager = nullptr;  // hears that the daemon is alive; null = nobody
  // SIGINT and SIGTERM end the run with "interrupted"; a second one kills the process. After SIGINT the participants
  // end too, after SIGTERM they come back.
  bool handle_signals = false;
  Distiller* distiller = nullptr;
};

struct DaemonEnding {
  Ending ending;
  bool interrupted = false;
};

// Blocks until every session has ended. Throws what Server, Listener and Server::run throw.
DaemonEnding run_daemon(const DaemonParts& parts);

}  // namespace tributary::coordinator
