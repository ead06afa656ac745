// Who is let in, who is not, and what both ends say about it.
#include <gmock/gmock.h>

#include "common/net/tls.h"
#include "tests/net/harness.h"

namespace tributary::net {
namespace {

using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;

struct Outcome {
  std::string coordinator, participant;  // errors; empty when let in
};

asio::awaitable<void> serve(Runtime& runtime, Listener& listener, std::shared_ptr<const Credentials> own,
                            Admission admission, TimePoint deadline) {
  asio::ip::tcp::socket socket = co_await listener.next();
  const auto channel = co_await accept(runtime, std::move(socket), own, admission, {}, deadline);
  const Bytes frame = frame_of("welcome");
  co_await channel->send(frame, deadline);
  co_await channel->finish(deadline);
}

asio::awaitable<void> join(Runtime& runtime, std::uint16_t port, std::shared_ptr<const Credentials> own,
                           std::string expected, TimePoint deadline) {
  const auto channel = co_await connect(runtime, "127.0.0.1", port, own, expected, {}, deadline);
  EXPECT_EQ(channel->peer().name, expected);
  EXPECT_TRUE(co_await channel->receive(deadline));
}

class Certificates : public testing::Test {
 protected:
  Outcome meet(std::shared_ptr<const Credentials> server, std::shared_ptr<const Credentials> client,
               const Admission& admission = admit_all, const std::string& expected = "coordinator") {
    Listener listener(*runtime_);
    const TimePoint soon = clock_.now() + seconds(20);
    const auto errors = run_together(*runtime_, serve(*runtime_, listener, std::move(server), admission, soon),
                                     join(*runtime_, listener.port(), std::move(client), expected, soon));
    return {errors[0], errors[1]};
  }

  ShiftedClock clock_;
  std::unique_ptr<Runtime> runtime_ = make_runtime(clock_, 1);
  Authority orchard_{clock_};
};

TEST_F(Certificates, AnEnrolledParticipantIsLetInUnderItsCertificatesName) {
  PeerIdentity seen;
  const IssuedCertificate alice = orchard_.certificate(CertificateRole::Participant, "alice");
  const auto credentials =
      Credentials::from_pem(alice.key, alice.certificate, orchard_.issued().certificate, "alice.bundle", clock_);
  const Outcome outcome = meet(orchard_.coordinator(), credentials, [&](const PeerIdentity& peer) {
    seen = peer;
    return std::string();
  });
  EXPECT_EQ(outcome.coordinator, "");
  EXPECT_EQ(outcome.participant, "");
  EXPECT_EQ(seen.name, "alice");
  EXPECT_EQ(seen.serial, alice.serial);
  EXPECT_EQ(seen.serial, credentials->serial());
  EXPECT_THAT(seen.address, HasSubstr("127.0.0.1:"));
}

TEST_F(Certificates, AParticipantWhoseCertificateHasExpiredIsToldSo) {
  const auto alice = orchard_.participant("alice", {-10, 10});
  clock_.shift_days(20);
  const Outcome outcome = meet(orchard_.coordinator(), alice);
  EXPECT_THAT(outcome.coordinator,
              AllOf(HasSubstr("refused: refused the peer at 127.0.0.1:"), HasSubstr("has expired")));
  EXPECT_THAT(outcome.participant,
              AllOf(HasSubstr("refused: coordinator at 127.0.0.1:"), HasSubstr("refused us: certificate expired")));
}

TEST_F(Certificates, AParticipantWhoseCertificateIsNotYetValidIsToldSo) {
  const auto alice = orchard_.participant("alice", {-10, 10});
  clock_.shift_days(-20);
  const Outcome outcome = meet(orchard_.coordinator(), alice);
  EXPECT_THAT(outcome.coordinator, AllOf(HasSubstr("refused: "), HasSubstr("not yet valid")));
  EXPECT_THAT(outcome.participant, AllOf(HasSubstr("refused: "), HasSubstr("not yet valid")));
}

TEST_F(Certificates, ACoordinatorWhoseCertificateHasExpiredIsRefused) {
  const auto coordinator = orchard_.coordinator({-10, 10});
  clock_.shift_days(20);
  const Outcome outcome = meet(coordinator, orchard_.participant());
  EXPECT_THAT(outcome.participant,
              AllOf(HasSubstr("refused: refused coordinator at 127.0.0.1:"), HasSubstr("has expired")));
  EXPECT_THAT(outcome.coordinator, AllOf(HasSubstr("refused: "), HasSubstr("refused us: certificate expired")));
}

TEST_F(Certificates, AParticipantOfAnotherFederationAndItsCoordinatorRefuseEachOther) {
  const Authority meadow(clock_, "meadow");
  const Outcome outcome = meet(orchard_.coordinator(), meadow.participant());
  EXPECT_THAT(outcome.participant,
              AllOf(HasSubstr("refused: "), HasSubstr("not issued by this federation's authority")));
  EXPECT_THAT(outcome.coordinator, AllOf(HasSubstr("refused: "), HasSubstr("unknown authority")));
}

// The same name and the same look, but another key: only the signature tells them apart.
TEST_F(Certificates, AnAuthorityOfTheSameNameIsAnotherAuthority) {
  const Authority twin(clock_, "orchard");
  const IssuedCertificate mallory = twin.certificate(CertificateRole::Participant, "alice");
  // Shows the twin's certificate, but believes the real authority: so that it is the coordinator who must refuse.
  EXPECT_THROW(Credentials::from_pem(mallory.key, mallory.certificate, orchard_.issued().certificate, "m", clock_),
               Error);
  const Outcome outcome = meet(twin.coordinator(), orchard_.participant());
  EXPECT_THAT(outcome.participant,
              AllOf(HasSubstr("refused: "), HasSubstr("not issued by this federation's authority")));
}

TEST_F(Certificates, AParticipantCannotPlayTheCoordinator) {
  const auto mallory = orchard_.credentials(CertificateRole::Participant, "coordinator");
  const Outcome outcome = meet(mallory, orchard_.participant());
  EXPECT_THAT(outcome.participant, AllOf(HasSubstr("refused: "), HasSubstr("not that of a coordinator")));
  EXPECT_THAT(outcome.coordinator, AllOf(HasSubstr("refused: "), HasSubstr("wrong role")));
}

TEST_F(Certificates, ACoordinatorsCertificateDoesNotMakeAParticipant) {
  const Outcome outcome = meet(orchard_.coordinator(), orchard_.coordinator());
  EXPECT_THAT(outcome.coordinator, AllOf(HasSubstr("refused: "), HasSubstr("not that of a participant")));
  EXPECT_THAT(outcome.participant, AllOf(HasSubstr("refused: "), HasSubstr("wrong role")));
}

TEST_F(Certificates, ACoordinatorOfAnotherNameIsRefused) {
  const Outcome outcome = meet(orchard_.coordinator(), orchard_.participant(), admit_all, "headquarters");
  EXPECT_THAT(outcome.participant,
              AllOf(HasSubstr("refused: "), HasSubstr("is for coordinator, not for headquarters")));
  EXPECT_THAT(outcome.coordinator, AllOf(HasSubstr("refused: "), HasSubstr("bad certificate")));
}

class NotAdmitted : public Certificates, public testing::WithParamInterface<const char*> {};

TEST_P(NotAdmitted, TheReasonIsSeenAtBothEnds) {
  const std::string reason = GetParam();
  const Outcome outcome =
      meet(orchard_.coordinator(), orchard_.participant(), [&](const PeerIdentity&) { return reason; });
  EXPECT_THAT(outcome.coordinator, AllOf(HasSubstr("refused: refused alice at 127.0.0.1:"), HasSubstr(": " + reason)));
  EXPECT_THAT(outcome.participant, AllOf(HasSubstr("refused: coordinator at "), HasSubstr("refused us: " + reason)));
}

INSTANTIATE_TEST_SUITE_P(Reasons, NotAdmitted, testing::Values("revoked", "not enrolled", "too many sessions"),
                         [](const auto& info) { return "Case" + std::to_string(info.index); });

TEST_F(Certificates, AReasonWithControlCharactersIsMadePrintable) {
  const Outcome outcome = meet(orchard_.coordinator(), orchard_.participant(),
                               [&](const PeerIdentity&) { return std::string("\x1b[2J\nforged line"); });
  EXPECT_THAT(outcome.participant, HasSubstr("refused us: ?[2J?forged line"));
}

// ---------------------------------------------------------------------------------------------- own credentials

std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) {
    return std::string(name_of(e.kind())) + ": " + e.what();
  }
  return {};
}

class OwnCredentials : public Certificates {
 protected:
  std::string load(const std::string& key, const std::string& certificate, const std::string& authority) {
    return refusal([&] { Credentials::from_pem(key, certificate, authority, "alice.bundle", clock_); });
  }
  IssuedCertificate alice_ = orchard_.certificate(CertificateRole::Participant, "alice");
  std::string authority_ = orchard_.issued().certificate;
};

TEST_F(OwnCredentials, GoodOnesLoad) {
  EXPECT_EQ(load(alice_.key, alice_.certificate, authority_), "");
  EXPECT_EQ(orchard_.participant("bob")->name(), "bob");
}

TEST_F(OwnCredentials, WhatIsWrongIsNamedWithItsSource) {
  const IssuedCertificate bob = orchard_.certificate(CertificateRole::Participant, "bob");
  const Authority meadow(clock_, "meadow");
  EXPECT_EQ(load("nonsense", alice_.certificate, authority_),
            "malformed: alice.bundle: the key is not a PEM private key");
  EXPECT_EQ(load(alice_.key, "", authority_), "malformed: alice.bundle: the certificate is not one PEM certificate");
  EXPECT_THAT(load(alice_.key, alice_.certificate, "x"), HasSubstr("malformed: alice.bundle: the authority's"));
  EXPECT_THAT(load(bob.key, alice_.certificate, authority_), HasSubstr("the key does not belong to the certificate"));
  EXPECT_THAT(load(alice_.key, alice_.certificate + bob.certificate, authority_), HasSubstr("not one PEM certificate"));
  EXPECT_THAT(load(alice_.key, alice_.certificate, meadow.issued().certificate),
              HasSubstr("refused: alice.bundle: its certificate is not issued by this federation's authority"));
}

TEST_F(OwnCredentials, OutsideTheirDatesTheyAreRefusedBeforeAnythingIsSent) {
  clock_.shift_days(200);
  EXPECT_THAT(load(alice_.key, alice_.certificate, authority_),
              HasSubstr("refused: alice.bundle: its certificate has expired"));
  clock_.shift_days(-200);
  EXPECT_THAT(load(alice_.key, alice_.certificate, authority_), HasSubstr("not yet valid"));
}

}  // namespace
}  // namespace tributary::net
