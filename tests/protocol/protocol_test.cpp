// The protocol under deterministic simulation: seeds, each a federation in its own bad weather (federation.h).
//
//   TRIBUTARY_SEEDS       how many; 2,000 when it is not set
//   TRIBUTARY_FIRST_SEED  the first; 1 when it is not set. A failure names its seed: with TRIBUTARY_SEEDS=1 it happens
//                         again, exactly
//   TRIBUTARY_TELL        set: everything that happens goes to standard output
#include <cstdlib>
#include <iostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "federation.h"
#include "heap.h"

#include "common/base/log.h"
#include "common/base/text.h"

namespace tributary::protocol {
namespace {

std::uint64_t asked(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return otherwise;
  const auto number = parse_int(text);
  if (!number || *number < 0) throw std::runtime_error(std::string(variable) + " is not a number: " + text);
  return static_cast<std::uint64_t>(*number);
}

Verdict simulate(std::uint64_t seed, Sabotage sabotage = Sabotage::None) {
  const bool tells = std::getenv("TRIBUTARY_TELL") != nullptr;
  return Federation(seed, draw_weather(seed), sabotage, tells).run();
}

class Protocol : public testing::Test {
 protected:
  Protocol() { log::set_level(std::getenv("TRIBUTARY_TELL") ? log::Level::Debug : log::Level::Off); }
};

// All that a federation may have allocated at once, its disks and what the oracle remembers included: the models are of
// 26 parameters, and nothing grows with what is sent again and again.
std::int64_t memory_limit(std::uint64_t seed) {
  const auto participants = static_cast<std::int64_t>(draw_weather(seed).names.size());
  return (256 + 64 * participants) * 1024;
}
// What stays for good, of caches: for all seeds together.
constexpr std::int64_t kKeptBytes = 64 * 1024;

struct Sums {
  std::uint64_t rounds = 0, published = 0, acknowledged = 0, refused = 0, starts = 0, failures = 0;

  void add(const Verdict& verdict) {
    rounds += verdict.counts.rounds;
    published += verdict.counts.published;
    acknowledged += verdict.counts.acknowledged;
    refused += verdict.counts.refused;
    starts += verdict.starts;
    failures += verdict.violation.has_value();
  }
};

TEST_F(Protocol, HoldsWhatItPromisesInAnyWeather) {
  const std::uint64_t first = asked("TRIBUTARY_FIRST_SEED", 1);
  const std::uint64_t seeds = asked("TRIBUTARY_SEEDS", 2000);
  simulate(first);  // fills the caches
  const std::int64_t before = live_bytes();
  Sums sums;
  std::uint64_t seed = first;
  for (; seed < first + seeds && sums.failures < 20; ++seed) {
    Verdict verdict = simulate(seed);
    if (!verdict.violation && verdict.peak_bytes > memory_limit(seed))
      verdict.violation = std::to_string(verdict.peak_bytes) + " bytes of memory";
    sums.add(verdict);
    if (!verdict.violation) continue;
    ADD_FAILURE() << "seed " << seed << ": " << *verdict.violation
                  << "\nagain: TRIBUTARY_SEEDS=1 TRIBUTARY_TELL=1 TRIBUTARY_FIRST_SEED=" << seed;
  }
  EXPECT_LE(live_bytes() - before, kKeptBytes) << "memory is left behind";
  std::cout << seed - first << " simulated seeds: " << sums.rounds << " rounds, " << sums.published
            << " of them published, " << sums.acknowledged << " updates acknowledged, " << sums.refused << " refused, "
            << sums.starts << " starts of the coordinator, " << sums.failures << " failures\n";
}

TEST_F(Protocol, ASeedReplaysExactly) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    const Verdict once = simulate(seed);
    const Verdict again = simulate(seed);
    EXPECT_GT(once.counts.messages, 0U);
    EXPECT_EQ(once.fingerprint, again.fingerprint) << "seed " << seed;
  }
}

// The checks can fail: a disk that lies is found out wherever a power cut takes what it had promised. 19 of these seeds
// did when this was written; another weather draws a few more or less.
TEST_F(Protocol, ADiskThatLiesAboutSyncsIsFoundOut) {
  std::uint64_t found = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) found += simulate(seed, Sabotage::LyingDisk).violation.has_value();
  EXPECT_GE(found, 10U);
}

}  // namespace
}  // namespace tributary::protocol
