#include "simulations/federation.h"

#include <set>

#include <gmock/gmock.h>

#include "coordinator/pki.h"
#include "tests/simulations/support.h"

namespace tributary::simulation {
namespace {

using testing::HasSubstr;

class FederationTest : public testing::Test {
 protected:
  FederationTest() {
    std::string rows = "a,label\n";
    for (int i = 0; i < 60; ++i) rows += std::to_string(i) + "," + std::to_string(i % 3) + "\n";
    scenario_.data.format = "csv";
    scenario_.data.file = folder_.write("rows.csv", rows);
    scenario_.crowd.participants = 5;
    scenario_.crowd.participants_per_process = 2;
  }
  Federation make(const std::string& title = "fleet") {
    return make_federation(files_, clock_, title, scenario_, out());
  }
  Path out() const { return folder_ / "run"; }

  Folder folder_;
  RealFiles files_;
  SystemClock clock_;
  Scenario scenario_;
};

TEST_F(FederationTest, EveryParticipantIsEnrolledAndDealtToAProcess) {
  const Federation federation = make();
  ASSERT_EQ(federation.bundles.size(), 3);
  EXPECT_EQ(files_.list(federation.bundles[0]), (std::vector<std::string>{"p0000.bundle", "p0001.bundle"}));
  EXPECT_EQ(files_.list(federation.bundles[2]), (std::vector<std::string>{"p0004.bundle"}));
  EXPECT_EQ(coordinator::Enrollment(federation.folder).size(), 5);
}

TEST_F(FederationTest, EveryExampleIsWithOneParticipant) {
  make();
  std::multiset<std::uint32_t> held;
  for (const std::string& name : participant_names(5)) {
    const auto part = data::load_index(out() / "parts" / (name + ".index"), 60);
    EXPECT_EQ(part.size(), 12) << name;
    held.insert(part.begin(), part.end());
  }
  EXPECT_EQ(held.size(), 60);
  EXPECT_EQ(std::set<std::uint32_t>(held.begin(), held.end()).size(), 60);
}

TEST_F(FederationTest, TheParticipantsAreToldWhereTheirPartIs) {
  make();
  EXPECT_EQ(scenario_.data.index, out() / "parts" / "{name}.index");
}

TEST_F(FederationTest, AFolderThatHoldsARunIsRefused) {
  make();
  scenario_.data.index.clear();
  EXPECT_THAT(refusal(Error::Kind::Refused, [&] { make(); }), HasSubstr("holds a run already"));
}

TEST_F(FederationTest, BadDataIsRefusedBeforeAnythingIsWritten) {
  scenario_.data.file = folder_.write("bad.csv", "a,label\n1,x\n2\n");
  EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { make(); }), HasSubstr("bad.csv:3"));
  EXPECT_FALSE(files_.exists(out()));
}

TEST_F(FederationTest, AnyTitleGivesAFederation) {
  const Federation federation = make("-<my run>-");
  EXPECT_EQ(coordinator::read_federation(federation.folder).name, "myrun-");
}

}  // namespace
}  // namespace tributary::simulation
