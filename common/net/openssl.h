// common/net/openssl.h
//
// Owners for OpenSSL's objects, and its error queue as text. Private to the room.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace tributary::net {

template <auto release>
struct Release {
  template <class T>
  void operator()(T* object) const {
    release(object);
  }
};

using BioPtr = std::unique_ptr<BIO, Release<BIO_free_all>>;
using BnPtr = std::unique_ptr<BIGNUM, Release<BN_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, Release<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, Release<SSL_free>>;
using X509Ptr = std::unique_ptr<X509, Release<X509_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Release<X509_EXTENSION_free>>;

// The oldest error in this thread's queue in OpenSSL's words, or "no details"; empties the queue.
std::string take_openssl_error();

// Throws Internal "cannot <action>: <error>" unless `ok`.
void expect_openssl(bool ok, std::string_view action);

// Null when `pem` does not hold exactly one such object. Never asks for a passphrase.
X509Ptr certificate_from_pem(std::string_view pem);
KeyPtr key_from_pem(std::string_view pem);

// Serial number, hexadecimal, lower case.
std::string serial_of(const X509* certificate);
// The common name, or "" when there is none or more than one, or it is not a name that check_name lets pass.
std::string name_of(const X509* certificate);
bool is_p256(const EVP_PKEY* key);

}  // namespace tributary::net
