#include "tests/hostile/arena.h"

#include <algorithm>
#include <fstream>

#include <sys/resource.h>

#include "common/base/text.h"
#include "common/model/zoo.h"

namespace tributary::hostile {

namespace {

constexpr rlim_t kFiles = 65536;  // for ten thousand participants and as many strangers

void raise_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlimit wanted{std::max(limit.rlim_max, kFiles), std::max(limit.rlim_max, kFiles)};  // only root may
  if (::setrlimit(RLIMIT_NOFILE, &wanted) == 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::vector<std::string> words_of(const Setting& setting, const std::string& spec) {
  const std::size_t all = setting.honest + setting.others;
  const double asked = static_cast<double>(all) / static_cast<double>(setting.honest);
  std::vector<std::string> words = {
      "--model=" + spec,
      "--rounds=" + std::to_string(setting.rounds),
      "--round.participants=" + std::to_string(setting.waits_for_others ? all : setting.honest),
      "--round.quorum=" + std::to_string(setting.honest),
      "--edge.bits=32",
      "--edge.sparsity=0",
      "--update.encoding=float32",
      "--store.sync=off",
      "--session.ping_seconds=120"};
  if (setting.waits_for_others) {
    words.push_back("--round.cohort=all");
  } else {
    words.push_back("--round.cohort=" + std::to_string(setting.honest));
    words.push_back("--round.overselect=" + std::to_string(asked + 0.01));
  }
  words.insert(words.end(), setting.words.begin(), setting.words.end());
  return words;
}

}  // namespace

std::vector<std::string> Outcome::digests() const {
  std::vector<std::string> all;
  for (const auto& record : records) all.push_back(record.model_digest.hex());
  return all;
}

std::uint64_t Outcome::accepted() const {
  std::uint64_t sum = 0;
  for (const auto& record : records) sum += record.accepted;
  return sum;
}

double Outcome::longest_round() const {
  double most = 0;
  for (const auto& record : records) most = std::max(most, record.seconds.round);
  return most;
}

std::uint64_t Outcome::refused(const std::string& kind) const {
  const std::size_t begin = log.rfind("refused: ");
  if (begin == std::string::npos) return 0;
  const std::string_view line = std::string_view(log).substr(begin + 9, log.find('\n', begin) - begin - 9);
  for (const std::string_view part : split(line, ',')) {
    const std::string_view entry = trim(part);
    const std::size_t space = entry.find(' ');
    if (space != std::string_view::npos && entry.substr(space + 1) == kind)
      return static_cast<std::uint64_t>(parse_int(entry.substr(0, space)).value_or(0));
  }
  return 0;
}

std::size_t Outcome::lines_about(const std::string& kind) const {
  std::size_t count = 0;
  for (const std::string_view line : split(log, '\n'))
    count += line.find("peers") != std::string_view::npos && line.find(" " + kind + ": ") != std::string_view::npos;
  return count;
}

Arena::Arena(const Setting& setting) : setting_(setting), spec_("linear:99-10") {
  raise_open_files();
  layout_ = model::make_zoo_model(spec_, 1).layout();
  const Path program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "tributary-coordinator";
  coordinator_.emplace(program, setting.honest + setting.others, words_of(setting, spec_));
  coordinator_->await_listening();
  bundles_ = coordinator_->bundles();
}

std::uint64_t Arena::resident_bytes() const {
  std::ifstream status("/proc/" + std::to_string(coordinator_->process()) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::strtoull(line.c_str() + 6, nullptr, 10) * 1024;
  }
  return 0;
}

void Arena::admit_the_honest() {
  const auto all = honest();
  for (std::size_t p = 0; p < setting_.processes; ++p) {
    const std::size_t begin = all.size() * p / setting_.processes, end = all.size() * (p + 1) / setting_.processes;
    honest_.start(
        [this, mine = all.subspan(begin, end - begin)] { take_part(mine, *layout_, setting_.habits, *board_); });
  }
}

Outcome Arena::finish() {
  Outcome outcome;
  outcome.peak_rss_bytes = coordinator_->await_end();
  board_->stop = true;
  if (!honest_.join()) fail(Error::Kind::Internal, "the honest participants failed");
  outcome.log = read_text_file(coordinator_->folder() / "log");
  const std::string lines = read_text_file(coordinator_->folder() / "run" / "rounds.jsonl");
  for (const std::string_view line : split(trim(lines), '\n'))
    outcome.records.push_back(coordinator::record_from_json(line, "rounds.jsonl"));
  return outcome;
}

}  // namespace tributary::hostile
