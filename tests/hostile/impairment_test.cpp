// The programs over bad networks: the models are those of a good one.
#include "tests/hostile/impairment.h"

#include <chrono>
#include <iostream>

#include <gmock/gmock.h>

#include "common/base/text.h"
#include "coordinator/round_record.h"
#include "tests/system/programs.h"

namespace tributary::testing {
namespace {

using hostile::ImpairedRoad;
using hostile::Impairment;
using std::chrono::milliseconds;

constexpr const char* kNames[] = {"alice", "bob", "carol"};
constexpr int kRounds = 6;

struct Road {
  std::string name;
  Impairment impairment;
  bool has_incidents = true;

  friend void PrintTo(const Road& road, std::ostream* out) { *out << road.name; }
};

// A participant's round is about 30 KiB each way.
const std::vector<Road>& roads() {
  static const std::vector<Road> all = [] {
    std::vector<Road> made(8);
    made[0].name = "Long";
    made[0].impairment.latency = milliseconds(30);
    made[0].has_incidents = false;
    made[1].name = "Narrow";
    made[1].impairment.bytes_per_second = 100e3;
    made[1].has_incidents = false;
    made[2].name = "ThatStandsStill";
    made[2].impairment.stall_every_bytes = 40'000;
    made[2].impairment.stall = milliseconds(700);
    made[3].name = "ThatIsCut";
    made[3].impairment.cut_every_bytes = 50'000;
    made[4].name = "ThatIsReset";
    made[4].impairment.reset_every_bytes = 50'000;
    made[5].name = "ThatDribbles";
    made[5].impairment.largest_piece = 7;
    made[5].has_incidents = false;
    made[6].name = "ThatChangesBits";
    made[6].impairment.flip_every_bytes = 50'000;
    made[7].name = "OfAllKinds";
    made[7].impairment = {milliseconds(2), 500e3, 3000, 100'000, milliseconds(300), 0, 150'000, 150'000};
    return made;
  }();
  return all;
}

std::string rows() {
  std::string text = "a,b,c,label\n";
  for (int i = 0; i < 120; ++i) {
    for (int f = 0; f < 3; ++f) text += std::to_string((f == i % 3 ? 1.0 : 0.0) + 0.01 * ((i * 7 + f * 13) % 29)) + ",";
    text += std::to_string(i % 3) + "\n";
  }
  return text;
}

// The models of all rounds, over such a road.
std::vector<std::string> digests_over(const Impairment& impairment, std::uint64_t& incidents) {
  Workplace place;
  place.write("rows.csv", rows());
  EXPECT_EQ(place.run("tributary-coordinator init orchard --name orchard").code, 0);
  EXPECT_EQ(place.run("tributary-coordinator enroll orchard alice bob carol --out bundles").code, 0);
  place.start("coordinator",
              "tributary-coordinator run orchard --out run --listen.port=0 --model=mlp:3-1600-3 --rounds=" +
                  std::to_string(kRounds) +
                  " --round.participants=3 --round.cohort=3 --round.quorum=3 --round.return_seconds=60 "
                  "--round.deadline_seconds=600 --update.encoding=float32 --edge.bits=32 --edge.sparsity=0 "
                  "--limits.expelled_seconds=0");
  const std::string address(trim(place.await_file("run/coordinator.address")));
  const auto port = static_cast<std::uint16_t>(*parse_int(address.substr(address.rfind(':') + 1)));
  const ImpairedRoad road(port, impairment, 5);
  for (const char* name : kNames) {
    place.start(name, std::string("tributary-participant run --bundle bundles/") + name +
                          ".bundle --server 127.0.0.1:" + std::to_string(road.port()) +
                          " --state state --retry.seconds=0.02 --retry.max_seconds=0.2 "
                          "--data.format=csv --data.file=rows.csv --data.classes=3");
  }
  EXPECT_EQ(place.wait("coordinator"), 0) << place.log("coordinator");
  incidents = road.incidents();
  std::vector<std::string> all;
  const std::string text = read_text_file(place / "run/rounds.jsonl");
  for (const auto line : split(trim(text), '\n')) {
    const coordinator::RoundRecord record = coordinator::record_from_json(line, "rounds.jsonl");
    EXPECT_EQ(record.accepted, 3U) << "round " << record.round;
    all.push_back(record.model_digest.hex());
  }
  return all;
}

class ARoad : public ::testing::TestWithParam<Road> {};

TEST_P(ARoad, ChangesNoModel) {
  static const std::vector<std::string> good = [] {
    std::uint64_t none = 0;
    return digests_over({}, none);
  }();
  std::uint64_t incidents = 0;
  EXPECT_EQ(digests_over(GetParam().impairment, incidents), good);
  EXPECT_EQ(good.size(), static_cast<std::size_t>(kRounds));
  if (GetParam().has_incidents) {
    EXPECT_GT(incidents, 0U);
  }
  std::cout << incidents << " incidents on the road\n";
}

INSTANTIATE_TEST_SUITE_P(Impaired, ARoad, ::testing::ValuesIn(roads()),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace tributary::testing
