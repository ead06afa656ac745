// A running coordinator as its operator sees it: the admin listener, the commands that speak to it, the dashboard in a
// browser, and signals.
#include <csignal>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/http/client.h"
#include "tests/http/harness.h"
#include "tests/system/programs.h"

namespace tributary::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Two blobs of points, enough of them that a round takes a while.
std::string points(std::size_t count) {
  std::string text = "a,b,c,label\n";
  for (std::size_t i = 0; i < count; ++i) {
    const auto noise = [&](std::size_t k) {
      return std::to_string(static_cast<double>((i * 37 + k * 101) % 97) / 97 - 0.5);
    };
    const double middle = i % 2 == 0 ? 1 : -1;
    text += std::to_string(middle + std::stod(noise(1))) + "," + std::to_string(-middle + std::stod(noise(2))) + "," +
            noise(3) + "," + std::to_string(i % 2) + "\n";
  }
  return text;
}

class Admin : public ::testing::Test {
 protected:
  Admin() {
    place_.write("points.csv", points(600));
    place_.run("tributary-coordinator init F --name orchard");
    place_.run("tributary-coordinator enroll F alice bob --out bundles");
  }

  void start(const std::string& more = "") {
    place_.start(
        "coordinator",
        "tributary-coordinator run F --out r --listen.port=0 --rounds=0 --round.participants=2 --model=mlp:3-64-64-2 "
        "--training.epochs=20 --evaluation.format=csv --evaluation.file=points.csv --admin.listen=127.0.0.1:0 " +
            more);
    const std::string address(trim(place_.await_file("r/coordinator.address")));
    for (const char* name : {"alice", "bob"})
      place_.start(name, "tributary-participant run --bundle bundles/" + std::string(name) + ".bundle --server " +
                             address + " --data.format=csv --data.file=points.csv --quiet");
    url_ = trim(place_.await_file("r/admin.address"));
  }
  std::string get(const std::string& target, http::Fields fields = {}) {
    return http::call(http::parse_url(url_, "test"), {"GET", target, std::move(fields)}).body;
  }
  int code(const std::string& method, const std::string& target, http::Fields fields = {},
           const std::string& body = "") {
    return http::call(http::parse_url(url_, "test"), {method, target, std::move(fields), body}).status;
  }
  // Asks until the answer holds `text`.
  std::string await_answer(const std::string& line, const std::string& text) {
    Said said;
    for (int i = 0; i < 600; ++i) {
      said = place_.run(line);
      if (said.text.find(text) != std::string::npos) return said.text;
    }
    ADD_FAILURE() << line << " never said " << text << " but " << said.text;
    return said.text;
  }

  Workplace place_;
  std::string url_;
};

TEST_F(Admin, TheCommandsSayAndDoWhatTheyAreFor) {
  start();
  await_answer("tributary-coordinator participants r", "contributing");
  EXPECT_THAT(place_.run("tributary-coordinator status r").text, HasSubstr("orchard, mlp:3-64-64-2"));
  EXPECT_EQ(place_.run("tributary-coordinator pause r").code, 0);
  await_answer("tributary-coordinator status r", "now           paused\n");
  const std::string before = place_.run("tributary-coordinator rounds r --json").text;
  EXPECT_EQ(place_.run("tributary-coordinator rounds r --json").text, before);
  EXPECT_EQ(place_.run("tributary-coordinator checkpoint " + url_).code, 0);
  await_answer("tributary-coordinator status r", "are written");
  EXPECT_TRUE(std::filesystem::exists(place_ / "r/edge.onnx"));
  EXPECT_THAT(place_.run("tributary-model inspect r/edge.onnx").code, 0);
  EXPECT_EQ(place_.run("tributary-coordinator resume r").code, 0);
  await_answer("tributary-coordinator status r --json", "\"state\":\"running\"");
  place_.signal("coordinator", SIGINT);
  EXPECT_EQ(place_.wait("coordinator"), 130);
}

TEST_F(Admin, MetricsAreWhatPrometheusReads) {
  start();
  await_answer("tributary-coordinator participants r", "contributing");
  const std::string metrics = get("/metrics");
  for (const char* line : {"# TYPE tributary_rounds_total counter", "tributary_participants{state=\"contributing\"}",
                           "tributary_bytes_total{direction=\"up\"}", "tributary_phase_seconds_total{phase=\"fold\"}",
                           "tributary_resident_bytes "})
    EXPECT_THAT(metrics, HasSubstr(line));
  EXPECT_EQ(get("/healthz"), "ok\n");
}

TEST_F(Admin, OnlyWhoMayIsListenedTo) {
  place_.write("token", "0123456789abcdef0123\n");
  start("--admin.token_file=token");
  const http::Fields known = {{"Authorization", "Bearer 0123456789abcdef0123"}};
  EXPECT_EQ(code("GET", "/healthz"), 200);
  EXPECT_EQ(code("GET", "/"), 200);
  EXPECT_EQ(code("GET", "/metrics"), 401);
  EXPECT_EQ(code("GET", "/api/status"), 401);
  EXPECT_EQ(code("GET", "/api/status", {{"Authorization", "Bearer 0123456789abcdef0124"}}), 401);
  EXPECT_EQ(code("GET", "/api/status", known), 200);
  EXPECT_EQ(code("GET", "/api/status", {{"Cookie", "a=b; tributary_token=0123456789abcdef0123"}}), 200);
  EXPECT_EQ(code("POST", "/api/pause", known), 403) << "without the field that other sites' pages cannot send";
  EXPECT_EQ(code("POST", "/api/login", {{"X-Tributary", "1"}}, "wrong"), 401);
  EXPECT_EQ(code("POST", "/api/login", {{"X-Tributary", "1"}}, "0123456789abcdef0123"), 200);
  EXPECT_THAT(place_.run("tributary-coordinator status r").text, HasSubstr("--token-file FILE"));
  EXPECT_EQ(place_.run("tributary-coordinator status r --token-file token").code, 0);
}

TEST_F(Admin, ANameThatSomebodyMadePointHereIsNotAnsweredTo) {
  start();
  for (const auto& [host, status] :
       {std::pair("localhost:7144", "200"), {"127.0.0.1", "200"}, {"evil.example:7144", "421"}}) {
    http::testing::RawLine line(http::parse_url(url_, "test").port);
    line.say("GET /api/status HTTP/1.1\r\nConnection: close\r\nHost: " + std::string(host) + "\r\n\r\n");
    EXPECT_THAT(line.hear_all(), ::testing::StartsWith("HTTP/1.1 " + std::string(status))) << host;
  }
}

TEST_F(Admin, AHangupReadsTheLogLevelAgainAndTheRunGoesOn) {
  place_.write("log.conf", "[log]\nlevel = warning\nformat = json\n");
  start("--config log.conf");
  await_answer("tributary-coordinator participants r", "contributing");
  EXPECT_THAT(place_.log("coordinator"), Not(HasSubstr("alice joined")));
  place_.write("log.conf", "[log]\nlevel = info\nformat = json\n");
  place_.signal("coordinator", SIGHUP);
  place_.wait_for("coordinator", R"("component":"run","message":"certificates and log level were read again"})");
  EXPECT_TRUE(place_.alive("coordinator"));
}

TEST_F(Admin, ADashboardIsLiveAccessibleAndFitsAPhone) {
  const Path chromium = "/usr/bin/chromium";
  const Path playwright = TRIBUTARY_PLAYWRIGHT_DIR;
  if (std::string_view(TRIBUTARY_NODE).ends_with("NOTFOUND")) GTEST_SKIP() << "no node: apt-get install nodejs";
  if (!std::filesystem::exists(chromium)) GTEST_SKIP() << "no Chromium: apt-get install chromium";
  if (!std::filesystem::exists(playwright / "node_modules/playwright-core"))
    GTEST_SKIP() << "no playwright-core: run scripts/install-playwright " << playwright.string();
  start();
  place_.start("browser", TRIBUTARY_NODE " " TRIBUTARY_DASHBOARD_SCRIPT " " + playwright.string() + " " + url_ + " " +
                              chromium.string());
  EXPECT_EQ(place_.wait("browser"), 0) << place_.log("browser");
}

}  // namespace
}  // namespace tributary::testing
