// common/net/pki.h
//
// Makes the certificates of a federation: the authority, the coordinator's certificate, one bundle per participant.
// ECDSA P-256, SHA-256. Roles are extended key usages: serverAuth for the coordinator, clientAuth for participants.
// Pure functions of their arguments, clock and system entropy; texts are PEM.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"

namespace tributary::net {

struct IssuedCertificate {
  std::string key;          // PKCS#8 PEM
  std::string certificate;  // X.509 PEM
  std::string serial;       // hexadecimal
};

enum class CertificateRole : std::uint8_t { Coordinator, Participant };

struct Validity {
  std::int64_t not_before = 0;  // seconds since the epoch
  std::int64_t not_after = 0;
};

// 1 to 64 characters of a-z A-Z 0-9 . _ -, beginning with a letter or digit. Throws Malformed.
void check_name(std::string_view name);

IssuedCertificate make_authority(std::string_view federation, Validity validity);

// Throws Malformed when the authority's texts are not what make_authority gave. `hosts`: names and addresses at which the
// coordinator is reached (SAN), besides its name.
IssuedCertificate issue(const IssuedCertificate& authority, CertificateRole role, std::string_view name,
                        const std::vector<std::string>& hosts, Validity validity);

// What a participant needs to join, in one file that it alone should read (mode 0600): INI head and PEM blocks.
struct Bundle {
  std::string name;          // of the participant
  std::string coordinator;   // name in the coordinator's certificate
  std::string host;
  std::uint16_t port = 0;
  std::string key, certificate, authority;  // PEM
};

std::string write_bundle(const Bundle& bundle);
// Throws Malformed naming `source`: not a bundle, a part missing or twice, a bad name or port.
Bundle read_bundle(std::string_view text, std::string_view source);

}  // namespace tributary::net
