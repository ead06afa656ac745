#include "common/net/tls_context.h"

#include <array>
#include <string_view>

#include <openssl/err.h>

#include "common/base/error.h"

namespace tributary::net {

namespace {

constexpr std::array<unsigned char, 12> kProtocols = {11, 't', 'r', 'i', 'b', 'u', 't', 'a', 'r', 'y', '/', '1'};
constexpr long kMaxCertificateBytes = 16 * 1024;  // of the peer's Certificate message

std::string_view role_words(CertificateRole role) {
  return role == CertificateRole::Coordinator ? "its certificate is not that of a coordinator"
                                              : "its certificate is not that of a participant";
}

bool has_dns_name(X509* certificate, std::string_view name) {
  auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  bool found = false;
  for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; ++i) {
    int type = 0;
    const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
    if (type != GEN_DNS) continue;
    const auto* text = static_cast<const ASN1_STRING*>(value);
    found = name == std::string_view(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                                     static_cast<std::size_t>(ASN1_STRING_length(text)));
  }
  GENERAL_NAMES_free(names);
  return found;
}

// The extended key usage must be there and name this role alone; OpenSSL itself would let a missing one pass.
bool has_role(X509* certificate, CertificateRole role) {
  const std::uint32_t wanted = role == CertificateRole::Coordinator ? XKU_SSL_SERVER : XKU_SSL_CLIENT;
  return (X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) != 0 &&
         X509_get_extended_key_usage(certificate) == wanted;
}

struct LeafVerdict {
  int error = X509_V_OK;
  std::string words;
};

LeafVerdict check_leaf(X509* certificate, const PeerCheck& check) {
  const std::string name = name_of(certificate);
  if (!has_role(certificate, check.role)) return {X509_V_ERR_INVALID_PURPOSE, std::string(role_words(check.role))};
  if (!is_p256(X509_get0_pubkey(certificate))) return {X509_V_ERR_CERT_REJECTED, "its certificate's key is not P-256"};
  if (name.empty() || !has_dns_name(certificate, name)) {
    return {X509_V_ERR_CERT_REJECTED, "its certificate bears no proper name"};
  }
  if (!check.name.empty() && name != check.name) {
    return {X509_V_ERR_HOSTNAME_MISMATCH, "its certificate is for " + name + ", not for " + check.name};
  }
  return {};
}

// OpenSSL chooses the alert by the error; these choices tell the peer what it can act on. RFC 8446 means
// certificate_expired for what is "not currently valid", too.
int error_with_fitting_alert(int error) {
  switch (error) {
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return X509_V_ERR_CERT_HAS_EXPIRED;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_AKID_SKID_MISMATCH:
    case X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH:
      return X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
    default:
      return error;
  }
}

int on_verify(int ok, X509_STORE_CTX* store) {
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto& check = *static_cast<PeerCheck*>(SSL_get_app_data(ssl));
  if (ok == 0) {
    const int error = X509_STORE_CTX_get_error(store);
    check.refusal = error == X509_V_ERR_INVALID_PURPOSE ? role_words(check.role) : words_for_verification(error);
    X509_STORE_CTX_set_error(store, error_with_fitting_alert(error));
    return 0;
  }
  if (X509_STORE_CTX_get_error_depth(store) != 0) return 1;
  const LeafVerdict verdict = check_leaf(X509_STORE_CTX_get_current_cert(store), check);
  if (verdict.error == X509_V_OK) return 1;
  check.refusal = verdict.words;
  X509_STORE_CTX_set_error(store, verdict.error);
  return 0;
}

int on_client_hello(SSL* ssl, int* alert, void* /*unused*/) {
  const unsigned char* value = nullptr;
  std::size_t length = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &value, &length) == 1) {
    return SSL_CLIENT_HELLO_SUCCESS;
  }
  *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
  return SSL_CLIENT_HELLO_ERROR;
}

int on_protocols(SSL* /*ssl*/, const unsigned char** chosen, unsigned char* chosen_length, const unsigned char* offered,
                 unsigned int offered_length, void* /*unused*/) {
  unsigned char* match = nullptr;
  if (SSL_select_next_proto(&match, chosen_length, kProtocols.data(), kProtocols.size(), offered, offered_length) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *chosen = match;
  return SSL_TLSEXT_ERR_OK;
}

void forbid_what_is_not_needed(SSL_CTX* context) {
  SSL_CTX_set_options(
      context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_max_early_data(context, 0);
  SSL_CTX_set_recv_max_early_data(context, 0);
  SSL_CTX_set_max_cert_list(context, kMaxCertificateBytes);
  // Without AUTO_RETRY SSL_read returns after each post-handshake message, so that a flood of them is seen and ended.
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
}

void choose_algorithms(SSL_CTX* context) {
  expect_openssl(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
                     SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
                     SSL_CTX_set_ciphersuites(
                         context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1 &&
                     SSL_CTX_set1_groups_list(context, "X25519:P-256") == 1 &&
                     SSL_CTX_set1_sigalgs_list(context, "ECDSA+SHA256") == 1 &&
                     SSL_CTX_set_alpn_protos(context, kProtocols.data(), kProtocols.size()) == 0,
                 "choose TLS algorithms");
}

// Only the federation's authority is believed; the system's certificates are never loaded.
void believe(SSL_CTX* context, X509* authority) {
  expect_openssl(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority) == 1, "believe an authority");
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_X509_STRICT);
  X509_VERIFY_PARAM_set_depth(SSL_CTX_get0_param(context), 0);  // no authorities in between
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, on_verify);
}

SslContextPtr make_context(EVP_PKEY* key, X509* certificate, X509* authority) {
  SslContextPtr context(SSL_CTX_new(TLS_method()));
  expect_openssl(context != nullptr, "make a TLS context");
  choose_algorithms(context.get());
  forbid_what_is_not_needed(context.get());
  believe(context.get(), authority);
  SSL_CTX_set_client_hello_cb(context.get(), on_client_hello, nullptr);
  SSL_CTX_set_alpn_select_cb(context.get(), on_protocols, nullptr);
  expect_openssl(
      SSL_CTX_use_certificate(context.get(), certificate) == 1 && SSL_CTX_use_PrivateKey(context.get(), key) == 1,
      "use a certificate");
  return context;
}

// X509_V_OK, or why `authority` does not vouch for `certificate` at that time.
int verify_own(X509* certificate, X509* authority, std::int64_t unix_seconds) {
  const std::unique_ptr<X509_STORE, Release<X509_STORE_free>> store(X509_STORE_new());
  const std::unique_ptr<X509_STORE_CTX, Release<X509_STORE_CTX_free>> context(X509_STORE_CTX_new());
  expect_openssl(store && context && X509_STORE_add_cert(store.get(), authority) == 1 &&
                     X509_STORE_CTX_init(context.get(), store.get(), certificate, nullptr) == 1,
                 "verify a certificate");
  X509_STORE_CTX_set_time(context.get(), 0, static_cast<time_t>(unix_seconds));
  const int result = X509_verify_cert(context.get()) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  return result;
}

}  // namespace

std::string words_for_verification(int error) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "its certificate has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "its certificate is not yet valid (or a clock is wrong)";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return "its certificate is self-signed, not issued by this federation's authority";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
    case X509_V_ERR_AKID_SKID_MISMATCH:
    case X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH:
      return "its certificate is not issued by this federation's authority";
    default:
      return std::string("its certificate is not accepted: ") + X509_verify_cert_error_string(error);
  }
}

std::string words_for_alert(int alert) {
  switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
      return "bad certificate (its name or form is not what was expected)";
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
      return "wrong role (the certificate is not meant for this side)";
    case SSL_AD_CERTIFICATE_REVOKED:
      return "certificate revoked";
    case SSL_AD_CERTIFICATE_EXPIRED:
      return "certificate expired or not yet valid";
    case SSL_AD_UNKNOWN_CA:
      return "unknown authority (the certificate belongs to another federation)";
    case SSL_AD_ACCESS_DENIED:
      return "access denied (not enrolled)";
    case TLS13_AD_CERTIFICATE_REQUIRED:
      return "no certificate was shown";
    case SSL_AD_NO_APPLICATION_PROTOCOL:
      return "does not speak tributary/1";
    case SSL_AD_PROTOCOL_VERSION:
      return "does not speak TLS 1.3";
    default: {
      std::string words = SSL_alert_desc_string_long(alert);
      return words + " (TLS alert " + std::to_string(alert) + ")";
    }
  }
}

std::shared_ptr<const Credentials> Credentials::from_pem(std::string_view key_text, std::string_view certificate_text,
                                                         std::string_view authority_text, std::string_view source,
                                                         const Clock& clock) {
  const auto refuse = [&](Error::Kind kind, const std::string& why) { fail(kind, std::string(source) + ": " + why); };
  const KeyPtr key = key_from_pem(key_text);
  const X509Ptr certificate = certificate_from_pem(certificate_text);
  const X509Ptr authority = certificate_from_pem(authority_text);
  if (!key) refuse(Error::Kind::Malformed, "the key is not a PEM private key");
  if (!certificate) refuse(Error::Kind::Malformed, "the certificate is not one PEM certificate");
  if (!authority) refuse(Error::Kind::Malformed, "the authority's certificate is not one PEM certificate");
  if (!is_p256(key.get())) refuse(Error::Kind::Malformed, "the key is not ECDSA P-256");
  const bool match = X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (!match) refuse(Error::Kind::Malformed, "the key does not belong to the certificate");
  const std::string name = name_of(certificate.get());
  if (name.empty()) refuse(Error::Kind::Malformed, "the certificate bears no proper name");
  const int verdict = verify_own(certificate.get(), authority.get(), clock.unix_seconds());
  if (verdict != X509_V_OK) {
    refuse(Error::Kind::Refused, words_for_verification(verdict) + "; ask the operator for a new one");
  }
  return std::make_shared<TlsCredentials>(name, serial_of(certificate.get()),
                                          make_context(key.get(), certificate.get(), authority.get()));
}

SslPtr TlsCredentials::start(PeerCheck& check, std::int64_t unix_seconds) const {
  SslPtr ssl(SSL_new(context_.get()));
  expect_openssl(ssl != nullptr, "start TLS");
  SSL_set_app_data(ssl.get(), &check);
  X509_VERIFY_PARAM_set_time(SSL_get0_param(ssl.get()), static_cast<time_t>(unix_seconds));
  if (check.role == CertificateRole::Coordinator) {
    SSL_set_connect_state(ssl.get());
  } else {
    SSL_set_accept_state(ssl.get());
  }
  return ssl;
}

}  // namespace tributary::net
