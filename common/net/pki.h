// common/net/pki.h
//
// Makes the certificates of a federation: the authority, the coordinator's certificate, one bundle per participant.
// ECDSA P-256, SHA-256. Roles are extended key usages: serverAuth for the coordinator, clientAuth for participants.
// Pure functions of their arguments, clock and system entropy; texts are PEM. Any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"

namespace tributary::net {

struct IssuedCertificate {
  std::string key;          // PKCS#8 PEM
  std::string certificate;  // X.509 PEM
  std::string serial;       // hexadecimal, lower case
};

enum class CertificateRole : std::uint8_t { Coordinator, Participant };

struct Validity {
  std::int64_t not_before = 0;  // seconds since the epoch
  std::int64_t not_after = 0;
};

// `days` from now on, begun five minutes ago so that clocks may differ a little.
Validity valid_for_days(const Clock& clock, std::int64_t days);

// 1 to 64 characters of a-z A-Z 0-9 . _ -, beginning with a letter or digit. Throws Malformed.
void check_name(std::string_view name);

// A DNS name or an IP address: 1 to 253 characters of a-z A-Z 0-9 . - : _. Throws Malformed naming `what`.
void check_host(std::string_view host, std::string_view what);

IssuedCertificate make_authority(std::string_view federation, Validity validity);

// An authority whose texts were read once, for issuing many certificates.
class Issuer {
 public:
  // Throws Malformed when the texts are not what make_authority gave, or the key is not the certificate's.
  explicit Issuer(const IssuedCertificate& authority);
  ~Issuer();
  Issuer(Issuer&&) noexcept;
  Issuer& operator=(Issuer&&) noexcept;

  // `hosts`: names and addresses at which the coordinator is reached (SAN), besides its name.
  IssuedCertificate issue(CertificateRole role, std::string_view name, const std::vector<std::string>& hosts,
                          Validity validity) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Issuer(authority).issue(...), for one.
IssuedCertificate issue(const IssuedCertificate& authority, CertificateRole role, std::string_view name,
                        const std::vector<std::string>& hosts, Validity validity);

// What a participant needs to join, in one file that it alone should read (mode 0600): an INI head
//
//   [tributary bundle]
//   name = alice
//   coordinator = coordinator
//   host = fl.example.org
//   port = 7143
//
// and three PEM blocks in this order: PRIVATE KEY, CERTIFICATE (its own), CERTIFICATE (the authority's). Empty lines
// and lines that begin with # may stand between keys and blocks.
struct Bundle {
  std::string name;         // of the participant
  std::string coordinator;  // name in the coordinator's certificate
  std::string host;
  std::uint16_t port = 0;
  std::string key, certificate, authority;  // PEM
};

inline constexpr std::size_t kMaxBundleBytes = 64 * 1024;

std::string write_bundle(const Bundle& bundle);
// Throws Malformed naming `source`: not a bundle, a part missing or twice, a bad name, host or port, longer than
// kMaxBundleBytes. That key and certificates fit each other is Credentials' to say.
Bundle read_bundle(std::string_view text, std::string_view source);

}  // namespace tributary::net
