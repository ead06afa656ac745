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

TEST_F(Protocol, HoldsWhatItPromisesInAnyWeather) {
  const std::uint64_t first = asked("TRIBUTARY_FIRST_SEED", 1);
  const std::uint64_t seeds = asked("TRIBUTARY_SEEDS", 2000);
  Oracle::Counts sum;
  std::uint64_t starts = 0, failures = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    const Verdict verdict = simulate(seed);
    sum.rounds += verdict.counts.rounds;
    sum.published += verdict.counts.published;
    sum.acknowledged += verdict.counts.acknowledged;
    sum.refused += verdict.counts.refused;
    starts += verdict.starts;
    if (!verdict.violation) continue;
    ADD_FAILURE() << "seed " << seed << ": " << *verdict.violation
                  << "\nagain: TRIBUTARY_SEEDS=1 TRIBUTARY_FIRST_SEED=" << seed << " TRIBUTARY_TELL=1";
    if (++failures == 20) break;
  }
  std::cout << seeds << " simulated seeds: " << sum.rounds << " rounds, " << sum.published << " of them published, "
            << sum.acknowledged << " updates acknowledged, " << sum.refused << " refused, " << starts
            << " starts of the coordinator, " << failures << " failures\n";
}

TEST_F(Protocol, ASeedReplaysExactly) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    const Verdict once = simulate(seed);
    const Verdict again = simulate(seed);
    EXPECT_GT(once.counts.messages, 0U);
    EXPECT_EQ(once.fingerprint, again.fingerprint) << "seed " << seed;
  }
}

// The checks can fail: a disk that lies is found out.
TEST_F(Protocol, ADiskThatLiesAboutSyncsIsFoundOut) {
  std::uint64_t found = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) found += simulate(seed, Sabotage::LyingDisk).violation.has_value();
  EXPECT_GE(found, 20U);
}

}  // namespace
}  // namespace tributary::protocol
