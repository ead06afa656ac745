// common/http/tls_identity.h
//
// The certificate that an HTTP server shows, read from PEM files and readable anew while it runs. TLS 1.2 and 1.3,
// without compression, renegotiation and tickets. Private to the room. Any thread.
#pragma once

#include <memory>
#include <mutex>

#include <asio/ssl/context.hpp>

#include "common/http/server.h"

namespace tributary::http {

class TlsIdentity {
 public:
  // Throws Malformed, naming the file, when they are not a certificate and its key; Unavailable.
  explicit TlsIdentity(TlsFiles files);
  TlsIdentity(const TlsIdentity&) = delete;
  TlsIdentity& operator=(const TlsIdentity&) = delete;

  void reload();
  const std::shared_ptr<asio::ssl::context>& context() const { return context_; }

 private:
  struct Pair;
  static std::shared_ptr<const Pair> read(const TlsFiles& files);
  static int show(SSL* ssl, void* identity);

  TlsFiles files_;
  std::shared_ptr<asio::ssl::context> context_;
  std::mutex mutex_;
  std::shared_ptr<const Pair> pair_;
};

}  // namespace tributary::http
