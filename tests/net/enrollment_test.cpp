#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "common/base/error.h"
#include "common/net/pki.h"
#include "coordinator/pki.h"

namespace tributary::coordinator {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class EnrollmentTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    root_ = std::filesystem::temp_directory_path() /
            ("tributary-enrollment-" + std::string(info->name()) + "-" + std::to_string(::getpid()));
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
    folder_ = root_ / "federation";
    init_federation(folder_, {"orchard", "coordinator", "127.0.0.1", 7143, {"fl.example.org"}}, clock_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  Path bundle(const std::string& name) const { return root_ / (name + ".bundle"); }
  net::PeerIdentity enroll_one(const std::string& name) {
    std::filesystem::remove(bundle(name));
    enroll(folder_, name, bundle(name), clock_);
    return identity(name);
  }
  // What the coordinator sees when that bundle's owner comes.
  net::PeerIdentity identity(const std::string& name) const {
    const net::Bundle read = net::read_bundle(read_text_file(bundle(name)), name);
    const auto own = net::Credentials::from_pem(read.key, read.certificate, read.authority, name, clock_);
    return {own->name(), own->serial(), "somewhere"};
  }
  template <class Action>
  static std::string refusal(Action action) {
    try {
      action();
    } catch (const Error& e) {
      return std::string(name_of(e.kind())) + ": " + e.what();
    }
    return {};
  }
  static unsigned mode(const Path& path) {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 0777;
  }

  ManualClock clock_;
  Path root_, folder_;
};

TEST_F(EnrollmentTest, AFederationIsMadeOnceAndReadBack) {
  const Federation read = read_federation(folder_);
  EXPECT_EQ(read.name, "orchard");
  EXPECT_EQ(read.host, "127.0.0.1");
  EXPECT_EQ(read.port, 7143);
  EXPECT_THAT(read.hosts, testing::ElementsAre("fl.example.org"));
  EXPECT_EQ(coordinator_credentials(folder_, clock_)->name(), "coordinator");
  EXPECT_THAT(refusal([&] { init_federation(folder_, read, clock_); }), HasSubstr("refused: "));
  EXPECT_THAT(refusal([&] { init_federation(folder_, read, clock_); }), HasSubstr("holds a federation already"));
}

TEST_F(EnrollmentTest, KeysAreForTheirOwnerOnly) {
  enroll_one("alice");
  EXPECT_EQ(mode(folder_ / "authority.key"), 0600u);
  EXPECT_EQ(mode(folder_ / "coordinator.key"), 0600u);
  EXPECT_EQ(mode(bundle("alice")), 0600u);
}

TEST_F(EnrollmentTest, OnlyWhoIsEnrolledIsAdmitted) {
  const net::PeerIdentity alice = enroll_one("alice");
  const Enrollment enrollment(folder_);
  EXPECT_EQ(enrollment.admit(alice), "");
  EXPECT_EQ(enrollment.admit({"bob", "1234", ""}), "not enrolled");
  EXPECT_EQ(enrollment.admit({"alice", "1234", ""}), "not enrolled");
  EXPECT_EQ(enrollment.admit({"bob", alice.serial, ""}), "not enrolled");
}

TEST_F(EnrollmentTest, ANameIsEnrolledOnceAtATime) {
  const net::PeerIdentity first = enroll_one("alice");
  EXPECT_THAT(refusal([&] { enroll(folder_, "alice", root_ / "again", clock_); }),
              HasSubstr("refused: alice is enrolled already; revoke it first"));
  revoke(folder_, "alice", clock_);
  const net::PeerIdentity second = enroll_one("alice");
  EXPECT_NE(first.serial, second.serial);
  const Enrollment enrollment(folder_);
  EXPECT_EQ(enrollment.admit(first), "revoked");
  EXPECT_EQ(enrollment.admit(second), "");
}

TEST_F(EnrollmentTest, ARunningCoordinatorSeesARevocation) {
  const net::PeerIdentity alice = enroll_one("alice"), bob = enroll_one("bob");
  Enrollment enrollment(folder_);
  EXPECT_FALSE(enrollment.refresh());
  revoke(folder_, "alice", clock_);
  EXPECT_EQ(enrollment.admit(alice), "");
  EXPECT_TRUE(enrollment.refresh());
  EXPECT_EQ(enrollment.admit(alice), "revoked");
  EXPECT_EQ(enrollment.admit(bob), "");
  EXPECT_FALSE(enrollment.refresh());
  EXPECT_THAT(enrollment.participants(), SizeIs(1));
}

TEST_F(EnrollmentTest, RevokingAStrangerSaysWhoMayBeMeant) {
  enroll_one("alice");
  EXPECT_EQ(refusal([&] { revoke(folder_, "alicee", clock_); }),
            "refused: alicee is not enrolled; did you mean alice?");
  revoke(folder_, "alice", clock_);
  EXPECT_EQ(refusal([&] { revoke(folder_, "alice", clock_); }), "refused: alice is not enrolled");
}

TEST_F(EnrollmentTest, ABundleNeverReplacesAFile) {
  write_text_file(bundle("alice"), "something dear");
  EXPECT_THAT(refusal([&] { enroll(folder_, "alice", bundle("alice"), clock_); }), HasSubstr("exists already"));
  EXPECT_EQ(read_text_file(bundle("alice")), "something dear");
  EXPECT_THAT(Enrollment(folder_).participants(), SizeIs(0));
}

TEST_F(EnrollmentTest, ManyAreEnrolledAllOrNone) {
  std::vector<std::string> names;
  for (int i = 0; i < 200; ++i) names.push_back("p" + std::to_string(i));
  enroll_many(folder_, names, root_ / "bundles", clock_);
  const Enrollment enrollment(folder_);
  EXPECT_EQ(enrollment.size(), 200u);
  EXPECT_EQ(enrollment.participants().front().name, "p0");
  EXPECT_THAT(refusal([&] {
                enroll_many(folder_, {"q1", "p7"}, root_ / "bundles", clock_);
              }),
              HasSubstr("p7 is enrolled already"));
  EXPECT_THAT(refusal([&] { enroll_many(folder_, {"q1", "q1"}, root_ / "bundles", clock_); }), HasSubstr("twice"));
  EXPECT_THAT(refusal([&] {
                enroll_many(folder_, {"q1", "../q2"}, root_ / "bundles", clock_);
              }),
              HasSubstr("a name has"));
  write_text_file(root_ / "bundles" / "q2.bundle", "in the way");
  EXPECT_THAT(refusal([&] {
                enroll_many(folder_, {"q1", "q2"}, root_ / "bundles", clock_);
              }),
              HasSubstr("exists already"));
  EXPECT_FALSE(std::filesystem::exists(root_ / "bundles" / "q1.bundle"));
  EXPECT_EQ(Enrollment(folder_).size(), 200u);
}

TEST_F(EnrollmentTest, TheBundleSaysWhereToGo) {
  enroll_one("alice");
  const net::Bundle read = net::read_bundle(read_text_file(bundle("alice")), "alice");
  EXPECT_EQ(read.name, "alice");
  EXPECT_EQ(read.coordinator, "coordinator");
  EXPECT_EQ(read.host, "127.0.0.1");
  EXPECT_EQ(read.port, 7143);
}

TEST_F(EnrollmentTest, AFolderThatIsNoFederationIsNamed) {
  EXPECT_THAT(refusal([&] { Enrollment nothing(root_ / "nowhere"); }),
              HasSubstr("holds no federation; make one with init"));
  EXPECT_THAT(refusal([&] { read_federation(root_ / "nowhere"); }), HasSubstr("nowhere holds no federation"));
}

TEST_F(EnrollmentTest, ADamagedListIsNamedAndWhatWasKnownStaysInForce) {
  const net::PeerIdentity alice = enroll_one("alice");
  Enrollment enrollment(folder_);
  write_text_file(folder_ / "enrolment.list", "# head\nenrolled alice\n");
  EXPECT_THAT(refusal([&] { enrollment.refresh(); }), HasSubstr("enrolment.list:2: must read enrolled|revoked"));
  EXPECT_EQ(enrollment.admit(alice), "");
}

TEST_F(EnrollmentTest, ADamagedFederationFileIsNamed) {
  const Path file = folder_ / "federation.ini";
  write_text_file(file, "[federation]\nname = orchard\nport = lots\n");
  EXPECT_THAT(refusal([&] { read_federation(folder_); }), HasSubstr("federation.ini:3: port must be"));
  write_text_file(file, "[federation]\nnme = orchard\n");
  EXPECT_THAT(refusal([&] { read_federation(folder_); }), HasSubstr("federation.ini:2: unknown key nme"));
}

}  // namespace
}  // namespace tributary::coordinator
