#include "common/http/tls_identity.h"

#include <utility>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "common/base/error.h"

namespace tributary::http {

namespace {

constexpr std::uint64_t kMaxPemBytes = 256 << 10;

template <auto kRelease>
struct Release {
  template <class T>
  void operator()(T* object) const {
    kRelease(object);
  }
};

using BioPtr = std::unique_ptr<BIO, Release<BIO_free_all>>;
using CertificatePtr = std::unique_ptr<X509, Release<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY_free>>;

void free_chain(STACK_OF(X509) * chain) {
  sk_X509_pop_free(chain, X509_free);
}

// The text must outlive it.
BioPtr open_text(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Nobody is asked for a password.
int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) {
  return -1;
}

}  // namespace

struct TlsIdentity::Pair {
  CertificatePtr certificate;
  KeyPtr key;
  std::unique_ptr<STACK_OF(X509), Release<free_chain>> chain{sk_X509_new_null()};
};

TlsIdentity::TlsIdentity(TlsFiles files)
    : files_(std::move(files)), context_(std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server)) {
  reload();
  SSL_CTX* context = context_->native_handle();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(
      context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
  SSL_CTX_set_cert_cb(context, &TlsIdentity::show, this);
}

void TlsIdentity::reload() {
  auto pair = read(files_);
  const std::lock_guard lock(mutex_);
  pair_ = std::move(pair);
}

std::shared_ptr<const TlsIdentity::Pair> TlsIdentity::read(const TlsFiles& files) {
  auto pair = std::make_shared<Pair>();
  const std::string certificate_text = read_text_file(files.certificate, kMaxPemBytes);
  const std::string key_text = read_text_file(files.key, kMaxPemBytes);
  const BioPtr certificates = open_text(certificate_text);
  pair->certificate.reset(PEM_read_bio_X509(certificates.get(), nullptr, no_password, nullptr));
  while (pair->certificate) {
    X509* next = PEM_read_bio_X509(certificates.get(), nullptr, no_password, nullptr);
    if (next == nullptr) break;
    sk_X509_push(pair->chain.get(), next);
  }
  const BioPtr key = open_text(key_text);
  pair->key.reset(PEM_read_bio_PrivateKey(key.get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  if (!pair->certificate) fail(Error::Kind::Malformed, files.certificate.string() + ": holds no PEM certificate");
  if (!pair->key) fail(Error::Kind::Malformed, files.key.string() + ": holds no PEM private key without a password");
  const bool match = X509_check_private_key(pair->certificate.get(), pair->key.get()) == 1;
  ERR_clear_error();
  if (!match) {
    fail(Error::Kind::Malformed, files.key.string() + ": is not the key of " + files.certificate.string());
  }
  return pair;
}

int TlsIdentity::show(SSL* ssl, void* identity) {
  auto& mine = *static_cast<TlsIdentity*>(identity);
  std::shared_ptr<const Pair> pair;
  {
    const std::lock_guard lock(mine.mutex_);
    pair = mine.pair_;
  }
  return SSL_use_cert_and_key(ssl, pair->certificate.get(), pair->key.get(), pair->chain.get(), 1);
}

}  // namespace tributary::http
