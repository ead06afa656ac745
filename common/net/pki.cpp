#include "common/net/pki.h"

#include <algorithm>
#include <array>

#include <asio/ip/address.hpp>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include "common/base/error.h"
#include "common/net/openssl.h"

namespace tributary::net {

namespace {

constexpr std::int64_t kDay = 24 * 60 * 60;
constexpr std::int64_t kClockSkew = 5 * 60;

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(length)};
}

std::string to_pem(const X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  expect_openssl(bio && PEM_write_bio_X509(bio.get(), certificate) == 1, "write a certificate");
  return text_of(bio.get());
}

std::string to_pem(const EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  expect_openssl(bio && PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
                 "write a key");
  return text_of(bio.get());
}

KeyPtr make_key() {
  KeyPtr key(EVP_EC_gen(SN_X9_62_prime256v1));
  expect_openssl(key != nullptr, "make a key");
  return key;
}

// 128 random bits, of which the highest is 0 and the next 1: positive and of constant length.
void set_serial(X509* certificate) {
  std::array<unsigned char, 16> raw{};
  expect_openssl(RAND_bytes(raw.data(), static_cast<int>(raw.size())) == 1, "draw a serial number");
  raw[0] = static_cast<unsigned char>((raw[0] & 0x3f) | 0x40);
  const BnPtr number(BN_bin2bn(raw.data(), static_cast<int>(raw.size()), nullptr));
  expect_openssl(number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)), "set a serial number");
}

void set_validity(X509* certificate, Validity validity) {
  expect_openssl(ASN1_TIME_set(X509_getm_notBefore(certificate), static_cast<time_t>(validity.not_before)) &&
                     ASN1_TIME_set(X509_getm_notAfter(certificate), static_cast<time_t>(validity.not_after)),
                 "set a validity");
}

void set_subject(X509* certificate, std::string_view name) {
  X509_NAME* subject = X509_get_subject_name(certificate);
  expect_openssl(X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                            reinterpret_cast<const unsigned char*>(name.data()),
                                            static_cast<int>(name.size()), -1, 0) == 1,
                 "set a certificate's name");
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  expect_openssl(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "add a certificate extension");
}

X509Ptr begin_certificate(std::string_view name, EVP_PKEY* key, Validity validity) {
  X509Ptr certificate(X509_new());
  expect_openssl(certificate && X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
                     X509_set_pubkey(certificate.get(), key) == 1,
                 "make a certificate");
  set_serial(certificate.get());
  set_validity(certificate.get(), validity);
  set_subject(certificate.get(), name);
  return certificate;
}

std::string alternative_names(std::string_view name, const std::vector<std::string>& hosts) {
  std::string list = "DNS:" + std::string(name);
  for (const std::string& host : hosts) {
    check_host(host, "host");
    asio::error_code not_an_address;
    asio::ip::make_address(host, not_an_address);
    list += (not_an_address ? ",DNS:" : ",IP:") + host;
  }
  return list;
}

IssuedCertificate sign(X509* certificate, EVP_PKEY* own_key, EVP_PKEY* issuer_key) {
  expect_openssl(X509_sign(certificate, issuer_key, EVP_sha256()) != 0, "sign a certificate");
  return {to_pem(own_key), to_pem(certificate), serial_of(certificate)};
}

}  // namespace

Validity valid_for_days(const Clock& clock, std::int64_t days) {
  const std::int64_t now = clock.unix_seconds();
  return {now - kClockSkew, now + days * kDay};
}

void check_name(std::string_view name) {
  const bool fits = !name.empty() && name.size() <= 64 && is_alphanumeric(name.front()) &&
                    std::all_of(name.begin(), name.end(),
                                [](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
  if (!fits) {
    fail(Error::Kind::Malformed,
         "a name has 1 to 64 characters of a-z A-Z 0-9 . _ - and begins with a letter or digit" +
             (name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c <= '~'; })
                  ? ": not \"" + std::string(name) + "\""
                  : std::string()));
  }
}

void check_host(std::string_view host, std::string_view what) {
  const bool fits = !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), [](char c) {
    return is_alphanumeric(c) || c == '.' || c == '-' || c == ':' || c == '_';
  });
  if (!fits) {
    fail(Error::Kind::Malformed,
         std::string(what) + ": a host name or address has 1 to 253 characters of a-z A-Z 0-9 . - : _");
  }
}

IssuedCertificate make_authority(std::string_view federation, Validity validity) {
  check_name(federation);
  const KeyPtr key = make_key();
  const X509Ptr certificate = begin_certificate(federation, key.get(), validity);
  X509* const self = certificate.get();
  expect_openssl(X509_set_issuer_name(self, X509_get_subject_name(self)) == 1, "name an authority");
  add_extension(self, self, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  add_extension(self, self, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(self, self, NID_subject_key_identifier, "hash");
  add_extension(self, self, NID_authority_key_identifier, "keyid:always");
  return sign(self, key.get(), key.get());
}

struct Issuer::State {
  KeyPtr key;
  X509Ptr certificate;
};

Issuer::Issuer(const IssuedCertificate& authority) : state_(std::make_unique<State>()) {
  state_->key = key_from_pem(authority.key);
  state_->certificate = certificate_from_pem(authority.certificate);
  if (!state_->key || !state_->certificate)
    fail(Error::Kind::Malformed, "the authority's key or certificate is not PEM");
  const bool matches = X509_check_private_key(state_->certificate.get(), state_->key.get()) == 1;
  ERR_clear_error();
  if (!matches) fail(Error::Kind::Malformed, "the authority's key does not belong to its certificate");
  if (X509_check_ca(state_->certificate.get()) != 1 || !is_p256(state_->key.get())) {
    fail(Error::Kind::Malformed, "the authority's certificate is not that of a P-256 authority");
  }
}

Issuer::~Issuer() = default;
Issuer::Issuer(Issuer&&) noexcept = default;
Issuer& Issuer::operator=(Issuer&&) noexcept = default;

IssuedCertificate Issuer::issue(CertificateRole role, std::string_view name, const std::vector<std::string>& hosts,
                                Validity validity) const {
  check_name(name);
  const KeyPtr key = make_key();
  const X509Ptr certificate = begin_certificate(name, key.get(), validity);
  X509* const self = certificate.get();
  X509* const issuer = state_->certificate.get();
  expect_openssl(X509_set_issuer_name(self, X509_get_subject_name(issuer)) == 1, "name the issuer");
  add_extension(self, issuer, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(self, issuer, NID_key_usage, "critical,digitalSignature");
  add_extension(self, issuer, NID_ext_key_usage, role == CertificateRole::Coordinator ? "serverAuth" : "clientAuth");
  add_extension(self, issuer, NID_subject_alt_name, alternative_names(name, hosts));
  add_extension(self, issuer, NID_subject_key_identifier, "hash");
  add_extension(self, issuer, NID_authority_key_identifier, "keyid:always");
  return sign(self, key.get(), state_->key.get());
}

IssuedCertificate issue(const IssuedCertificate& authority, CertificateRole role, std::string_view name,
                        const std::vector<std::string>& hosts, Validity validity) {
  return Issuer(authority).issue(role, name, hosts, validity);
}

}  // namespace tributary::net
