#include <gmock/gmock.h>

#include "common/base/error.h"
#include "common/net/pki.h"

namespace tributary::net {
namespace {

using testing::HasSubstr;

std::string block(const std::string& label, const std::string& content = "QUJD") {
  return "-----BEGIN " + label + "-----\n" + content + "\n-----END " + label + "-----\n";
}

const std::string kHead =
    "[tributary bundle]\nname = alice\ncoordinator = coordinator\nhost = fl.example.org\nport = 7143\n";
const std::string kBlocks = block("PRIVATE KEY") + block("CERTIFICATE", "T1dO") + block("CERTIFICATE", "QVVUSA==");

std::string refusal(const std::string& text) {
  try {
    read_bundle(text, "alice.bundle");
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Error::Kind::Malformed);
    EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos) << "one line";
    return e.what();
  }
  return {};
}

TEST(Bundle, WhatIsWrittenIsReadBack) {
  const Bundle written{"alice",
                       "coordinator",
                       "fl.example.org",
                       7143,
                       block("PRIVATE KEY"),
                       block("CERTIFICATE", "T1dO"),
                       block("CERTIFICATE", "QVVUSA==")};
  const Bundle read = read_bundle(write_bundle(written), "alice.bundle");
  EXPECT_EQ(read.name, "alice");
  EXPECT_EQ(read.coordinator, "coordinator");
  EXPECT_EQ(read.host, "fl.example.org");
  EXPECT_EQ(read.port, 7143);
  EXPECT_EQ(read.key, written.key);
  EXPECT_EQ(read.certificate, written.certificate);
  EXPECT_EQ(read.authority, written.authority);
}

TEST(Bundle, CommentsEmptyLinesAndWindowsLineEndsDoNotMatter) {
  std::string text = "# mine\n\n" + kHead + "\n# the key\n" + kBlocks + "\n";
  EXPECT_EQ(refusal(text), "");
  std::string windows;
  for (const char c : text) windows += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_EQ(read_bundle(windows, "w").key, block("PRIVATE KEY"));
}

TEST(Bundle, EveryDefectIsNamedWithFileAndPlace) {
  const auto without = [](std::string text, const std::string& part) {
    return text.erase(text.find(part), part.size());
  };
  EXPECT_THAT(refusal(""), HasSubstr("alice.bundle: not a participant's bundle"));
  EXPECT_THAT(refusal("PK\x03\x04"), HasSubstr("not a participant's bundle"));
  EXPECT_THAT(refusal(without(kHead, "name = alice\n") + kBlocks), HasSubstr("alice.bundle: name is missing"));
  EXPECT_THAT(refusal(without(kHead, "port = 7143\n") + kBlocks), HasSubstr("port is missing"));
  EXPECT_THAT(refusal(kHead + "name = bob\n" + kBlocks), HasSubstr("line 6: name stands here twice"));
  EXPECT_THAT(refusal(kHead + "colour = red\n" + kBlocks), HasSubstr("line 6: not one of name"));
  EXPECT_THAT(refusal(kHead + "what?\n" + kBlocks), HasSubstr("line 6: not one of name"));
  EXPECT_THAT(
      refusal("[tributary bundle]\nname = ../x\n" + without(kHead, "[tributary bundle]\nname = alice\n") + kBlocks),
      HasSubstr("alice.bundle: name: a name has"));
  EXPECT_THAT(refusal(kHead), HasSubstr("ends before the key"));
  EXPECT_THAT(refusal(kHead + block("PRIVATE KEY")), HasSubstr("ends before the certificate"));
  EXPECT_THAT(refusal(kHead + block("PRIVATE KEY") + block("CERTIFICATE")),
              HasSubstr("ends before the authority's certificate"));
  EXPECT_THAT(refusal(kHead + block("CERTIFICATE") + kBlocks), HasSubstr("line 6: the key"));
  EXPECT_THAT(refusal(kHead + block("EC PRIVATE KEY") + kBlocks), HasSubstr("line 6: the key"));
  EXPECT_THAT(refusal(kHead + block("PRIVATE KEY", "no base64!") + kBlocks),
              HasSubstr("line 7: not a line of the key"));
  EXPECT_THAT(refusal(kHead + "-----BEGIN PRIVATE KEY-----\nQUJD\n"), HasSubstr("ends within the key"));
  EXPECT_THAT(refusal(kHead + kBlocks + block("CERTIFICATE")), HasSubstr("nothing may follow"));
  EXPECT_THAT(refusal(kHead + kBlocks + std::string(kMaxBundleBytes, '\n')), HasSubstr("at most 65536"));
}

TEST(Bundle, PortsAndHostsAreChecked) {
  for (const char* port : {"0", "65536", "-1", "http", "", "7143x"}) {
    std::string head = kHead;
    head.replace(head.find("7143"), 4, port);
    EXPECT_THAT(refusal(head + kBlocks), HasSubstr("port must be a number from 1 to 65535")) << port;
  }
  std::string head = kHead;
  head.replace(head.find("fl.example.org"), 14, "a b");
  EXPECT_THAT(refusal(head + kBlocks), HasSubstr("alice.bundle: host"));
}

}  // namespace
}  // namespace tributary::net
