// A participant's bundle from anywhere: what reads can be written and reads the same; all else is Malformed in one
// line. What reads is also offered to Credentials, which refuse it or load it.
#include <cstdlib>

#include "common/base/error.h"
#include "common/net/pki.h"
#include "common/net/tls.h"

using namespace tributary;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const SystemClock clock;
  try {
    const net::Bundle bundle = net::read_bundle({reinterpret_cast<const char*>(data), size}, "bundle");
    const std::string text = net::write_bundle(bundle);
    require(net::write_bundle(net::read_bundle(text, "again")) == text);
    net::Credentials::from_pem(bundle.key, bundle.certificate, bundle.authority, "bundle", clock);
  } catch (const Error& e) {
    require(e.kind() == Error::Kind::Malformed || e.kind() == Error::Kind::Refused);
    require(std::string_view(e.what()).find('\n') == std::string_view::npos);
  }
  return 0;
}
