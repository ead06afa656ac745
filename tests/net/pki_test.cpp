#include "common/net/pki.h"

#include <memory>
#include <set>

#include <gmock/gmock.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "common/base/error.h"

namespace tributary::net {
namespace {

using testing::HasSubstr;

using X509Owner = std::unique_ptr<X509, decltype(&X509_free)>;

X509Owner parse(const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509Owner certificate(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr), X509_free);
  BIO_free(bio);
  return certificate;
}

const Validity kDecade = valid_for_days(ManualClock(), 3650);

std::string why_not(std::string_view name) {
  try {
    check_name(name);
  } catch (const Error& e) {
    return e.what();
  }
  return {};
}

TEST(Names, AreShortAndHarmlessEverywhere) {
  for (const char* good : {"alice", "A", "7", "site-3.berlin_x"}) EXPECT_EQ(why_not(good), "");
  EXPECT_EQ(why_not(std::string(64, 'a')), "");
  for (const char* bad : {"", ".", "..", "-x", "_x", "a/b", "a b", "a\nb", "\xc3\xa9", "*"})
    EXPECT_NE(why_not(bad), "") << bad;
  EXPECT_NE(why_not(std::string(65, 'a')), "");
  EXPECT_THAT(why_not("a/b"), HasSubstr("\"a/b\""));
  EXPECT_EQ(why_not("a\nb").find('\n'), std::string::npos);
}

TEST(Hosts, AreNamesOrAddresses) {
  for (const char* good : {"localhost", "fl.example.org", "127.0.0.1", "::1", "my_host"})
    EXPECT_NO_THROW(check_host(good, "host"));
  for (const char* bad : {"", "a b", "a,b", "x=y", "a\n"}) EXPECT_THROW(check_host(bad, "host"), Error) << bad;
  EXPECT_THROW(check_host(std::string(254, 'a'), "host"), Error);
}

TEST(Pki, ACertificateSaysItsRoleItsNameAndItsHosts) {
  const IssuedCertificate authority = make_authority("orchard", kDecade);
  const IssuedCertificate own =
      issue(authority, CertificateRole::Coordinator, "coordinator", {"fl.example.org", "127.0.0.1", "::1"}, kDecade);
  const X509Owner certificate = parse(own.certificate);
  ASSERT_TRUE(certificate);
  EXPECT_EQ(X509_get_version(certificate.get()), X509_VERSION_3);
  EXPECT_EQ(X509_get_extended_key_usage(certificate.get()), XKU_SSL_SERVER);
  EXPECT_EQ(X509_get_key_usage(certificate.get()), KU_DIGITAL_SIGNATURE);
  EXPECT_EQ(X509_check_ca(certificate.get()), 0);
  EXPECT_EQ(X509_check_host(certificate.get(), "coordinator", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(certificate.get(), "fl.example.org", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate.get(), "127.0.0.1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate.get(), "::1", 0), 1);
  const X509Owner issuer = parse(authority.certificate);
  EXPECT_EQ(X509_check_issued(issuer.get(), certificate.get()), X509_V_OK);
  EXPECT_EQ(X509_verify(certificate.get(), X509_get0_pubkey(issuer.get())), 1);
  EXPECT_EQ(X509_check_ca(issuer.get()), 1);
  EXPECT_EQ(X509_get_pathlen(issuer.get()), 0);
}

TEST(Pki, AParticipantsCertificateIsForClientsOnly) {
  const IssuedCertificate authority = make_authority("orchard", kDecade);
  const X509Owner certificate = parse(issue(authority, CertificateRole::Participant, "alice", {}, kDecade).certificate);
  EXPECT_EQ(X509_get_extended_key_usage(certificate.get()), XKU_SSL_CLIENT);
}

TEST(Pki, SerialNumbersAreLongAndNeverTheSame) {
  const Issuer issuer(make_authority("orchard", kDecade));
  std::set<std::string> serials;
  for (int i = 0; i < 50; ++i) {
    const IssuedCertificate issued = issuer.issue(CertificateRole::Participant, "alice", {}, kDecade);
    EXPECT_EQ(issued.serial.size(), 32u);
    EXPECT_EQ(issued.serial.find_first_not_of("0123456789abcdef"), std::string::npos);
    serials.insert(issued.serial);
  }
  EXPECT_EQ(serials.size(), 50u);
}

TEST(Pki, WhatIsNoAuthorityIssuesNothing) {
  const IssuedCertificate authority = make_authority("orchard", kDecade), other = make_authority("meadow", kDecade);
  const IssuedCertificate alice = issue(authority, CertificateRole::Participant, "alice", {}, kDecade);
  EXPECT_THROW(Issuer({"", "", ""}), Error);
  EXPECT_THROW(Issuer({other.key, authority.certificate, ""}), Error);
  EXPECT_THROW(Issuer({alice.key, alice.certificate, ""}), Error);
  EXPECT_THROW(Issuer(authority).issue(CertificateRole::Participant, "a/b", {}, kDecade), Error);
  EXPECT_THROW(Issuer(authority).issue(CertificateRole::Coordinator, "c", {"x,DNS:evil"}, kDecade), Error);
}

}  // namespace
}  // namespace tributary::net
