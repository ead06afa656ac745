// How long a coordinator with many rounds behind it takes to the first update that it acknowledges.
#include <chrono>
#include <iostream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "common/base/text.h"
#include "tests/system/programs.h"

namespace tributary::testing {
namespace {

using namespace std::chrono_literals;

TEST(Restart, WithAThousandRoundsItAcknowledgesWithinASecond) {
  Workplace place;
  place.write("rows.csv", "a,b,label\n1,0,0\n0,1,1\n1,0.1,0\n0.1,1,1\n");
  ASSERT_EQ(place.run("tributary-coordinator init orchard --name orchard").code, 0);
  ASSERT_EQ(place.run("tributary-coordinator enroll orchard alice --out bundles").code, 0);
  const std::string run =
      "tributary-coordinator run orchard --out run --model=mlp:2-16-2 --round.participants=1 --rounds=0 ";
  place.start("coordinator", run + "--listen.port=0 --store.sync=no");
  const std::string address(trim(place.await_file("run/coordinator.address")));
  const std::string port = address.substr(address.rfind(':') + 1);
  place.start("alice", "tributary-participant run --bundle bundles/alice.bundle --server 127.0.0.1:" + port +
                           " --retry.seconds=0.01 --retry.max_seconds=0.02 --data.format=csv --data.file=rows.csv "
                           "--data.classes=2");
  place.wait_for("alice", "round 1000 ");
  place.signal("coordinator", SIGKILL);
  place.wait("coordinator");
  std::this_thread::sleep_for(200ms);
  const std::size_t before = place.log("alice").size();
  const auto begun = std::chrono::steady_clock::now();
  place.start("coordinator", run + "--listen.port=" + port);
  while (place.log("alice").find("accepted", before) == std::string::npos) {
    ASSERT_TRUE(place.alive("coordinator")) << place.log("coordinator");
    ASSERT_LT(std::chrono::steady_clock::now() - begun, 60s);
    std::this_thread::sleep_for(1ms);
  }
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  std::cout << took << " seconds from the start to the first acknowledged update, with 1000 rounds in the store\n";
  EXPECT_LT(took, 1.0);
}

}  // namespace
}  // namespace tributary::testing
