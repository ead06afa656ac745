#include <iostream>
#include <new>

#include "tests/options/support.h"

namespace tributary::options {
namespace {

struct Ending {
  int code;
  std::string said;  // on standard error
};

Ending ending_of(const std::function<int()>& body) {
  ::testing::internal::CaptureStderr();
  const int code = run_main("fleet", body);
  return {code, ::testing::internal::GetCapturedStderr()};
}

Ending ending_with(Error::Kind kind) {
  return ending_of([&]() -> int { fail(kind, "what to do"); });
}

TEST(RunMain, TheCodeOfTheBodyIsTheCodeOfTheProgram) {
  for (const int code : {0, 1, 130}) {
    const Ending ending = ending_of([&] { return code; });
    EXPECT_EQ(ending.code, code);
    EXPECT_EQ(ending.said, "");
  }
}

TEST(RunMain, WhatTheUserWroteWronglyIsTwoAndWhatFailedIsOne) {
  using Kind = Error::Kind;
  for (const Kind kind : {Kind::Malformed, Kind::Unsupported, Kind::Refused}) EXPECT_EQ(ending_with(kind).code, 2);
  for (const Kind kind : {Kind::Overloaded, Kind::Unavailable, Kind::Disconnected, Kind::Corrupt, Kind::Internal})
    EXPECT_EQ(ending_with(kind).code, 1);
}

TEST(RunMain, AnErrorIsOneLineHeadedByTheProgram) {
  EXPECT_EQ(ending_with(Error::Kind::Malformed).said, "fleet: what to do\n");
  EXPECT_EQ(ending_of([]() -> int { fail(Error::Kind::Unavailable, "two\nlines\x1b[2J"); }).said,
            "fleet: two lines [2J\n");
}

TEST(RunMain, ForeignExceptionsAreBugsThatSaySo) {
  const Ending known = ending_of([]() -> int { throw std::logic_error("oh\nno"); });
  EXPECT_EQ(known.code, 1);
  EXPECT_EQ(known.said, "fleet: unexpected failure: oh no; please report this\n");
  const Ending memory = ending_of([]() -> int { throw std::bad_alloc(); });
  EXPECT_EQ(memory.code, 1);
  EXPECT_EQ(memory.said, "fleet: out of memory\n");
  const Ending unknown = ending_of([]() -> int { throw 5; });
  EXPECT_EQ(unknown.code, 1);
  EXPECT_EQ(unknown.said, "fleet: unexpected failure; please report this\n");
}

TEST(RunMain, OutputThatCouldNotBeWrittenIsAFailure) {
  const Ending ending = ending_of([] {
    std::cout.setstate(std::ios::badbit);
    return 0;
  });
  std::cout.clear();
  EXPECT_EQ(ending.code, 1);
  EXPECT_EQ(ending.said, "fleet: cannot write to standard output\n");
}

class ProgramOfCommands : public ::testing::Test {
 protected:
  int run(const std::vector<std::string>& words) {
    return run_command("fleet", "sails",
                       {{.name = "sail", .summary = "goes out"}, {.name = "moor", .summary = "comes in"}}, words,
                       [this](std::size_t which, const std::vector<std::string>& rest) {
                         ran_ = std::to_string(which) + (rest.empty() ? "" : " " + rest.front());
                         return 7;
                       });
  }
  std::string ran_;
};

TEST_F(ProgramOfCommands, TheFirstWordChoosesAndTheRestIsItsOwn) {
  EXPECT_EQ(run({"moor", "--help"}), 7);
  EXPECT_EQ(ran_, "1 --help");
}

TEST_F(ProgramOfCommands, WithoutACommandItSaysWhichThereAre) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(run({}), 2);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), ::testing::HasSubstr("moor"));
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(run({"--help"}), 0);
  EXPECT_THAT(::testing::internal::GetCapturedStdout(), ::testing::HasSubstr("comes in"));
  EXPECT_EQ(ran_, "");
}

TEST_F(ProgramOfCommands, AnUnknownCommandNamesTheNearest) {
  EXPECT_THAT(ending_of([&] { return run({"mour"}); }).said, ::testing::HasSubstr("did you mean moor?"));
  EXPECT_THAT(ending_of([&] { return run({"sinking"}); }).said, ::testing::HasSubstr("see fleet --help"));
}

}  // namespace
}  // namespace tributary::options
