#include "tests/bench/transport_coordinator.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <thread>

#include <time.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "coordinator/pki.h"

namespace tributary::bench {

namespace {

constexpr auto kBeat = std::chrono::milliseconds(5);
constexpr auto kPatience = std::chrono::seconds(120);

std::string name_of(std::size_t participant) {
  return "p" + std::to_string(participant);
}

Path temporary_folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "tributary_transport_XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) fail(Error::Kind::Unavailable, "cannot make the folder " + pattern);
  return pattern;
}

}  // namespace

double cpu_seconds_of(pid_t process) {
  clockid_t clock{};
  timespec used{};
  if (::clock_getcpuclockid(process, &clock) != 0 || ::clock_gettime(clock, &used) != 0) {
    fail(Error::Kind::Unavailable, "the CPU time of process " + std::to_string(process) + " cannot be read");
  }
  return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

BenchedCoordinator::BenchedCoordinator(const Path& program, std::size_t participants,
                                       const std::vector<std::string>& words)
    : folder_(temporary_folder()), participants_(participants) {
  const SystemClock clock;
  coordinator::Federation federation;
  federation.name = "transport";
  federation.host = "127.0.0.1";
  federation.port = 1;  // not used: a free one is taken
  coordinator::init_federation(folder_ / "federation", federation, clock);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < participants; ++i) names.push_back(name_of(i));
  coordinator::enroll_many(folder_ / "federation", names, folder_ / "bundles", clock);
  std::vector<std::string> all{"run", (folder_ / "federation").string(), "--out", (folder_ / "run").string(),
                               "--listen.port=0"};
  all.insert(all.end(), words.begin(), words.end());
  children_.start("coordinator", program, all, folder_ / "log");
}

BenchedCoordinator::~BenchedCoordinator() {
  children_.signal_all(SIGKILL);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string BenchedCoordinator::last_words() const {
  std::string last = "it said nothing";
  const std::string log = read_text_file(folder_ / "log");
  for (const std::string_view line : split(log, '\n')) {
    if (!trim(line).empty()) last = trim(line);
  }
  return last;
}

void BenchedCoordinator::await_listening() {
  const Path file = folder_ / "run" / "coordinator.address";
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!std::filesystem::exists(file)) {
    if (!children_.reap().empty() || std::chrono::steady_clock::now() > until) {
      fail(Error::Kind::Unavailable, "the coordinator does not listen: " + last_words());
    }
    std::this_thread::sleep_for(kBeat);
  }
  const std::string address(trim(read_text_file(file)));
  const auto port = parse_int(address.substr(address.rfind(':') + 1));
  TRIBUTARY_CHECK(port && *port > 0 && *port < 65536);
  port_ = static_cast<std::uint16_t>(*port);
}

std::vector<net::Bundle> BenchedCoordinator::bundles() const {
  TRIBUTARY_CHECK(port_ != 0);
  std::vector<net::Bundle> bundles;
  for (std::size_t i = 0; i < participants_; ++i) {
    const Path file = folder_ / "bundles" / (name_of(i) + ".bundle");
    bundles.push_back(net::read_bundle(read_text_file(file), file.string()));
    bundles.back().port = port_;
  }
  return bundles;
}

std::uint64_t BenchedCoordinator::await_end() {
  for (;;) {
    for (const simulation::Exit& exit : children_.reap()) {
      if (exit.code != 0) {
        fail(Error::Kind::Unavailable,
             "the coordinator ended with code " + std::to_string(exit.code) + ": " + last_words());
      }
      return exit.peak_rss_bytes;
    }
    std::this_thread::sleep_for(kBeat);
  }
}

}  // namespace tributary::bench
