#include "common/net/openssl.h"

#include <algorithm>
#include <cctype>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "common/base/error.h"
#include "common/net/pki.h"

namespace tributary::net {

namespace {

BioPtr reader_of(std::string_view text) {
  BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  expect_openssl(bio != nullptr, "read PEM");
  return bio;
}

int no_passphrase(char*, int, int, void*) {
  return -1;
}

}  // namespace

std::string take_openssl_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "no details" : reason;
}

void expect_openssl(bool ok, std::string_view action) {
  if (!ok) fail(Error::Kind::Internal, "cannot " + std::string(action) + ": " + take_openssl_error());
}

X509Ptr certificate_from_pem(std::string_view pem) {
  const BioPtr bio = reader_of(pem);
  X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr));
  const X509Ptr second(certificate ? PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
  ERR_clear_error();
  return second ? nullptr : std::move(certificate);
}

KeyPtr key_from_pem(std::string_view pem) {
  const BioPtr bio = reader_of(pem);
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  ERR_clear_error();
  return key;
}

std::string serial_of(const X509* certificate) {
  const BnPtr number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  expect_openssl(number != nullptr, "read a serial number");
  char* raw = BN_bn2hex(number.get());
  std::string hex(raw);
  OPENSSL_free(raw);
  std::transform(hex.begin(), hex.end(), hex.begin(), [](unsigned char c) { return std::tolower(c); });
  return hex;
}

std::string name_of(const X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) return {};
  const ASN1_STRING* text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
  std::string name(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                   static_cast<std::size_t>(ASN1_STRING_length(text)));
  try {
    check_name(name);
  } catch (const Error&) {
    return {};
  }
  return name;
}

bool is_p256(const EVP_PKEY* key) {
  char group[32] = {};
  std::size_t length = 0;
  const bool known = EVP_PKEY_get_group_name(key, group, sizeof group, &length) == 1;
  ERR_clear_error();
  return known && std::string_view(group, length) == SN_X9_62_prime256v1;
}

}  // namespace tributary::net
