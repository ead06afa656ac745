#include "tests/system/programs.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <signal.h>

#include "common/base/error.h"

namespace tributary::testing {

namespace {

using namespace std::chrono_literals;

const Path kPrograms = TRIBUTARY_PROGRAMS;

// Asks `done` until it says yes or the time is over; whether it said yes.
template <class Done>
bool await(std::chrono::seconds most, Done&& done) {
  const auto deadline = std::chrono::steady_clock::now() + most;
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

}  // namespace

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false, any = false;
  for (const char c : line) {
    if (c == '\'') {
      quoted = !quoted;
      any = true;
    } else if (c == ' ' && !quoted) {
      if (any || !word.empty()) words.push_back(word);
      word.clear();
      any = false;
    } else {
      word += c;
    }
  }
  if (any || !word.empty()) words.push_back(word);
  return words;
}

Workplace::Workplace() {
  std::string pattern = ::testing::TempDir() + "system_XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) fail(Error::Kind::Unavailable, "no temporary folder");
  path_ = pattern;
  std::filesystem::current_path(path_);
}

Workplace::~Workplace() {
  children_.signal_all(SIGKILL);
  std::filesystem::current_path("/");
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void Workplace::write(const std::string& name, std::string_view content) const {
  write_text_file(path_ / name, content);
}

Said Workplace::run(const std::string& line) const {
  auto words = words_of(line);
  const Path program = kPrograms / words.front();
  words.erase(words.begin());
  simulation::Children children;
  const Path log = path_ / ".said";
  children.start("it", program, words, log);
  Said said{-1, ""};
  await(60s, [&] {
    for (const auto& exit : children.reap()) said.code = exit.code;
    return children.count() == 0;
  });
  said.text = read_text_file(log);
  return said;
}

void Workplace::start(const std::string& name, const std::string& line) {
  auto words = words_of(line);
  const Path program = kPrograms / words.front();
  words.erase(words.begin());
  codes_.erase(name);
  children_.start(name, program, words, path_ / (name + ".log"));
}

void Workplace::reap() {
  for (const auto& exit : children_.reap()) codes_[exit.name] = exit.code;
}

bool Workplace::alive(const std::string& name) {
  reap();
  return children_.alive(name);
}

int Workplace::wait(const std::string& name) {
  if (!await(120s, [&] { return !alive(name); })) fail(Error::Kind::Unavailable, name + " still runs: " + log(name));
  return codes_.at(name);
}

void Workplace::wait_for(const std::string& name, const std::string& text) {
  const auto seen = [&] { return log(name).find(text) != std::string::npos; };
  const bool in_time = await(120s, [&] { return seen() || !alive(name); });
  if (!seen()) {
    fail(Error::Kind::Unavailable,
         name + (in_time ? " ended" : " waited two minutes") + " without '" + text + "': " + log(name));
  }
}

std::string Workplace::log(const std::string& name) const {
  return read_text_file(path_ / (name + ".log"));
}

std::string Workplace::await_file(const std::string& file) const {
  if (!await(60s, [&] { return std::filesystem::exists(path_ / file); }))
    fail(Error::Kind::Unavailable, file + " does not appear");
  return read_text_file(path_ / file);
}

}  // namespace tributary::testing
