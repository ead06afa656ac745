// tributary-participant learn, as a user runs it.

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "common/base/random.h"
#include "common/model/exits.h"
#include "common/model/graph.h"
#include "tests/system/programs.h"

namespace tributary::testing {
namespace {

using ::testing::HasSubstr;

class LearnProgramTest : public ::testing::Test {
 protected:
  Workplace place;
};

TEST_F(LearnProgramTest, AGeneratedStreamIsLearntAndItsFolderHoldsWhatWasSeen) {
  const auto said = place.run(
      "tributary-participant learn --stream.source=sea,every=3000,examples=6000 --model=odl:{in}-20x3-{out} "
      "--every=2000 "
      "--out run");
  ASSERT_EQ(said.code, 0) << said.text;
  EXPECT_THAT(said.text, HasSubstr("6000"));
  const auto report = nlohmann::json::parse(read_text_file(place / "run" / "report.json"));
  EXPECT_EQ(report["examples"], 6000);
  EXPECT_GT(report["accuracy"], 0.8);
  EXPECT_EQ(report["alphas"].size(), 3u);
  const std::string lines = read_text_file(place / "run" / "stream.jsonl");
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 3);
  const auto learnt = model::Graph::load(place / "run" / "learnt.onnx");
  EXPECT_EQ(model::exits_of(learnt).size(), 3u);
}

TEST_F(LearnProgramTest, ACsvFileIsReplayedInItsOrder) {
  std::string csv = "a,b,label\n";
  for (int i = 0; i < 400; ++i)
    csv += std::to_string(i % 7) + "," + std::to_string(i % 2) + "," + std::to_string(i % 2) + "\n";
  place.write("good.csv", csv);
  const auto said =
      place.run("tributary-participant learn --data.format=csv --data.file=good.csv --model=linear:{in}-{out} --json");
  ASSERT_EQ(said.code, 0) << said.text;
  const auto report = nlohmann::json::parse(said.text);
  EXPECT_EQ(report["examples"], 400);
  EXPECT_GT(report["accuracy"], 0.9);
  EXPECT_EQ(report["no_change_accuracy"], 0.0);
}

// Lines of two numbers and whether their sum is above 1.
std::string readings(int count, std::uint64_t seed = 1) {
  RandomStream random(seed, "readings");
  std::string text;
  for (int i = 0; i < count; ++i) {
    const double a = random.uniform(), b = random.uniform();
    text += "{\"a\":" + std::to_string(a) + ",\"b\":" + std::to_string(b) + ",\"y\":" + (a + b > 1 ? "1" : "0") + "}\n";
  }
  return text;
}

const std::string kReadings =
    " --stream.format=json --stream.features=a,b --stream.label=y --stream.classes=2 --model=mlp:2-10-2";

TEST_F(LearnProgramTest, EveryExampleIsLearntOnceAcrossKillsAndGarbageIsSetAside) {
  constexpr int kExamples = 60000;
  std::string text = readings(kExamples);
  // A line of garbage in every sixtieth place.
  std::string mixed;
  int line = 0;
  for (std::size_t at = 0; at < text.size(); ++line) {
    const auto end = text.find('\n', at) + 1;
    if (line % 60 == 0) mixed += "{\"a\": oops\n";
    mixed += text.substr(at, end - at);
    at = end;
  }
  place.write("live", mixed);
  const std::string command =
      "tributary-participant learn --stream.source=file:live --state kept --keep-every=500 --every=2000" + kReadings;
  for (int kill = 0; kill < 5; ++kill) {
    const std::string name = "run" + std::to_string(kill);
    place.start(name, command);
    place.wait_for(name, kill == 0 ? "  2000 " : "going on");
    place.signal(name, SIGKILL);
    place.wait(name);
  }
  const auto said = place.run(command + " --stream.follow=no --stream.rejects=rejected --json");
  ASSERT_EQ(said.code, 0) << said.text;
  const auto report = nlohmann::json::parse(said.text);
  EXPECT_EQ(report["examples"], kExamples);
  EXPECT_GT(report["accuracy"], 0.95);
  const std::string set_aside = read_text_file(place / "rejected");
  EXPECT_EQ(std::count(set_aside.begin(), set_aside.end(), '\n'), report["rejected"].get<int>());
  EXPECT_THAT(set_aside, HasSubstr("no JSON"));
}

TEST_F(LearnProgramTest, AnInterruptEndsInOrderAndALaterRunGoesOn) {
  place.write("live", readings(3000));
  const std::string command =
      "tributary-participant learn --stream.source=file:live --state kept --out run --every=1000" + kReadings;
  place.start("first", command);
  place.wait_for("first", "  3000 ");
  place.signal("first", SIGINT);
  EXPECT_EQ(place.wait("first"), 0);
  std::ofstream(place / "live", std::ios::app) << readings(1000, 2);
  const auto said = place.run(command + " --stream.follow=no");
  EXPECT_EQ(said.code, 0) << said.text;
  EXPECT_THAT(said.text, HasSubstr("going on behind 3000 examples"));
  EXPECT_EQ(nlohmann::json::parse(read_text_file(place / "run" / "report.json"))["examples"], 4000);
}

// A real broker on 127.0.0.1 that asks for a password, with and without TLS.
class MqttTest : public LearnProgramTest {
 protected:
  void SetUp() override {
    if (shell("command -v mosquitto_pub mosquitto_passwd openssl && test -x /usr/sbin/mosquitto") != 0)
      GTEST_SKIP() << "needs the packages mosquitto, mosquitto-clients and openssl";
    if (place.run("tributary-participant learn --stream.source=mqtt://127.0.0.1:1/t" + kReadings).code == 2)
      GTEST_SKIP() << "built without MQTT: needs the package libmosquitto-dev";
    ASSERT_EQ(shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1 "
                    "-addext subjectAltName=IP:127.0.0.1 -keyout broker.key -out broker.pem"),
              0);
    ASSERT_EQ(shell("mosquitto_passwd -b -c passwords ann secret && chmod 644 passwords broker.key"), 0);
    place.write("secret", "secret\n");
    const int port = 20000 + ::getpid() % 10000;
    plain = std::to_string(port), tls = std::to_string(port + 10000);
    const std::string here = place.path().string() + "/";
    place.write("broker.conf", "user root\nlog_type all\nmax_queued_messages 0\nallow_anonymous false\npassword_file " +
                                   here + "passwords\nlistener " + plain + " 127.0.0.1\nlistener " + tls +
                                   " 127.0.0.1\ncertfile " + here + "broker.pem\nkeyfile " + here + "broker.key\n");
    place.start("broker", "/usr/sbin/mosquitto -c broker.conf");
    place.wait_for("broker", "running");
  }
  int shell(const std::string& command) const {
    return std::system(("cd '" + place.path().string() + "' && " + command + " >>shell.log 2>&1").c_str());
  }
  std::string learn(const std::string& url, const std::string& more = "") const {
    return "tributary-participant learn --stream.source=" + url + "/plant/+ --every=1000 --stream.mqtt_user=ann " +
           "--stream.mqtt_password_file=secret" + kReadings + more;
  }
  void publish(const std::string& file) const {
    ASSERT_EQ(shell("mosquitto_pub -h 127.0.0.1 -p " + plain + " -u ann -P secret -t plant/one -q 1 -l <" + file), 0);
  }
  std::string plain, tls;
};

TEST_F(MqttTest, MessagesOfARealBrokerAreLearnt) {
  place.write("readings", readings(3000));
  place.start("learner", learn("mqtt://127.0.0.1:" + plain));
  place.wait_for("learner", "reading from");
  publish("readings");
  place.wait_for("learner", "  3000 ");
  place.signal("learner", SIGINT);
  EXPECT_EQ(place.wait("learner"), 0);
}

TEST_F(MqttTest, MessagesAreLearntOverTlsAndAWrongAuthorityIsRefused) {
  place.write("readings", readings(2000));
  place.start("learner", learn("mqtts://127.0.0.1:" + tls, " --stream.mqtt_ca=broker.pem"));
  place.wait_for("learner", "reading from");
  publish("readings");
  place.wait_for("learner", "  2000 ");
  ASSERT_EQ(shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=other "
                  "-keyout other.key -out other.pem"),
            0);
  EXPECT_EQ(place.run(learn("mqtts://127.0.0.1:" + tls, " --stream.mqtt_ca=other.pem")).code, 1);
  EXPECT_THAT(place.run(learn("mqtts://127.0.0.1:" + tls)).text, HasSubstr("stream.mqtt_ca is not set"));
}

TEST_F(MqttTest, WrongCredentialsAndAMissingBrokerAreToldAtOnce) {
  place.write("secret", "wrong\n");
  EXPECT_THAT(place.run(learn("mqtt://127.0.0.1:" + plain)).text, HasSubstr("not authorised"));
  EXPECT_THAT(place.run(learn("mqtt://127.0.0.1:1")).text, HasSubstr("no connection"));
}

TEST_F(MqttTest, ALostBrokerIsWaitedFor) {
  place.write("readings", readings(1000));
  place.start("learner", learn("mqtt://127.0.0.1:" + plain));
  place.wait_for("learner", "reading from");
  place.signal("broker", SIGKILL);
  place.wait("broker");
  place.wait_for("learner", "connecting again");
  place.start("broker_again", "/usr/sbin/mosquitto -c broker.conf");
  place.wait_for("broker_again", "plant/+");
  publish("readings");
  place.wait_for("learner", "  1000 ");
}

TEST_F(LearnProgramTest, AlwaysOnRoundsLearnWhatArrivesAndAnIdleParticipantIsLeftInPeace) {
  place.run("tributary-coordinator init F --name fed");
  place.run("tributary-coordinator enroll F alice --bundle alice.bundle");
  place.start("coordinator",
              "tributary-coordinator run F --out runs --listen.host=127.0.0.1 --listen.port=0 --rounds=0 "
              "--model=odl:2-10x3-2 --training.online=yes --training.batch_size=1 --round.rest_seconds=0.2");
  const std::string address = place.await_file("runs/coordinator.address");
  place.write("live", readings(500));
  place.start("alice", "tributary-participant run --bundle alice.bundle --state kept --server " +
                           address.substr(0, address.find('\n')) +
                           " --stream.source=file:live --stream.format=json --stream.features=a,b --stream.label=y "
                           "--stream.classes=2 --stream.round_examples=400");
  place.wait_for("alice", "round 2  100 examples");
  std::ofstream(place / "live", std::ios::app) << readings(300, 2);
  place.wait_for("alice", "  300 examples");
  place.signal("alice", SIGINT);
  place.wait("alice");
  place.signal("coordinator", SIGINT);
  place.wait("coordinator");
  std::uint64_t examples = 0;
  std::ifstream lines(place / "runs/rounds.jsonl");
  for (std::string line; std::getline(lines, line);) {
    const auto record = nlohmann::json::parse(line);
    examples += record["examples"].get<std::uint64_t>();
    EXPECT_EQ(record["alphas"].size(), 3u);
  }
  EXPECT_EQ(examples, 800u) << "every example is learnt once";
}

TEST_F(LearnProgramTest, MistakesAreAnsweredByOneLineThatNamesThem) {
  const auto refused = [&](const std::string& words, const char* why) {
    const auto said = place.run("tributary-participant learn " + words);
    EXPECT_EQ(said.code, 2) << words;
    EXPECT_THAT(said.text, HasSubstr(why));
    EXPECT_EQ(std::count(said.text.begin(), said.text.end(), '\n'), 1) << said.text;
  };
  refused("--stream.source=see", "did you mean 'sea'?");
  refused("--stream.source=sea --online.schedule=adagrat", "adagrad");
  refused("--stream.source=sea --every=0", "--every");
  refused("--stream.source=sea,examples=10 --model=mlp:5-10-2", "3 values");
  refused("--stream.source=rbf,examples=100 --model=mlp:10-10-2", "2 outputs");
  refused("--stream.source=sea --online.beta=1", "online.beta");
  refused("--stream.source=stdin", "stream.features");
  refused("--stream.source=stdin --stream.features=a --stream.label=y", "stream.classes");
  refused("--stream.source=mqtt://host --stream.features=a --stream.label=y --stream.classes=2", "topic");
}

}  // namespace
}  // namespace tributary::testing
