// common/net/tls_context.h
//
// OpenSSL's context for one side's credentials, and the verification of the other side's certificate. Private to the
// room. Contexts are immutable once made; a PeerCheck belongs to one handshake.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/net/openssl.h"
#include "common/net/pki.h"
#include "common/net/tls.h"

namespace tributary::net {

// What a handshake demands of the peer's certificate beyond the authority's signature, and what came of it.
struct PeerCheck {
  CertificateRole role = CertificateRole::Participant;  // that the peer must have
  std::string name;                                     // that the peer must have; empty: any
  std::string refusal;                                  // out: why the certificate was refused, in words
};

class TlsCredentials final : public Credentials {
 public:
  TlsCredentials(std::string name, std::string serial, SslContextPtr context)
      : name_(std::move(name)), serial_(std::move(serial)), context_(std::move(context)) {}
  const std::string& name() const override { return name_; }
  const std::string& serial() const override { return serial_; }

  // A new TLS object for one connection, which verifies the peer by `check` at `unix_seconds`. `check` outlives it.
  SslPtr start(PeerCheck& check, std::int64_t unix_seconds) const;

 private:
  std::string name_, serial_;
  SslContextPtr context_;
};

// Words for a certificate that verification refuses.
std::string words_for_verification(int x509_error);
// Words for an alert (RFC 8446, section 6) that the peer sent.
std::string words_for_alert(int alert);

}  // namespace tributary::net
