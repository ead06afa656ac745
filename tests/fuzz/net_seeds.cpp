// net_seeds FOLDER: writes seeds for frame_fuzz (one of each message, and all in one stream) and bundle_fuzz.
#include <filesystem>

#include "common/base/files.h"
#include "common/net/pki.h"
#include "common/wire/frame.h"
#include "tests/wire/messages.h"

using namespace tributary;

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const Path folder = argv[1];
  for (const char* name : {"frame", "bundle"}) std::filesystem::create_directories(folder / name);
  std::string all;
  for (const wire::Message& message : wire::one_of_each()) {
    const Bytes frame = wire::to_frame(message);
    write_text_file(folder / "frame" / std::string(wire::name_of(message)), as_text(frame));
    all += as_text(frame);
  }
  write_text_file(folder / "frame" / "all", all);

  const net::Validity validity = net::valid_for_days(SystemClock(), 10);
  const net::IssuedCertificate authority = net::make_authority("orchard", validity);
  const net::IssuedCertificate alice = net::issue(authority, net::CertificateRole::Participant, "alice", {}, validity);
  write_text_file(folder / "bundle" / "alice", net::write_bundle({"alice", "coordinator", "127.0.0.1", 7143, alice.key,
                                                                  alice.certificate, authority.certificate}));
  return 0;
}
