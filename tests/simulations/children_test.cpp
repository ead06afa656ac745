#include "simulations/children.h"

#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include "tests/simulations/support.h"

namespace tributary::simulation {
namespace {

using testing::HasSubstr;

class ChildrenTest : public testing::Test {
 protected:
  void shell(const std::string& name, const std::string& script) {
    children_.start(name, "/bin/sh", {"-c", script}, log(name));
  }
  Path log(const std::string& name) const { return folder_ / (name + ".log"); }
  // The end of the one child that ends next.
  Exit next_exit() {
    for (;;) {
      const std::vector<Exit> exits = children_.reap();
      if (!exits.empty()) return exits.front();
      std::this_thread::yield();
    }
  }
  // Neither gone nor a zombie that nobody has awaited.
  static bool runs(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
    const std::string stat{std::istreambuf_iterator<char>(in), {}};
    return !stat.empty() && stat.find(") Z") == std::string::npos;
  }
  std::string wait_for_log(const std::string& name) {
    for (;;) {
      const std::string text = read_text_file(log(name));
      if (text.ends_with('\n')) return text;
      std::this_thread::yield();
    }
  }

  Folder folder_;
  Children children_;
};

TEST_F(ChildrenTest, WhatAChildSaysIsInItsLog) {
  shell("talker", "echo out; echo err >&2");
  EXPECT_EQ(next_exit().code, 0);
  EXPECT_EQ(read_text_file(log("talker")), "out\nerr\n");
}

TEST_F(ChildrenTest, ExitCodeSignalAndMemoryAreReported) {
  shell("failing", "exit 3");
  const Exit failed = next_exit();
  EXPECT_EQ(failed.name, "failing");
  EXPECT_EQ(failed.code, 3);
  EXPECT_EQ(failed.signal, 0);
  EXPECT_GT(failed.peak_rss_bytes, 100'000u);

  shell("killed", "exec sleep 1000");
  children_.signal("killed", SIGKILL);
  const Exit killed = next_exit();
  EXPECT_EQ(killed.signal, SIGKILL);
  EXPECT_EQ(killed.code, 137);
  EXPECT_EQ(children_.count(), 0);
}

TEST_F(ChildrenTest, AChildReadsNothingAndHasAGroupOfItsOwn) {
  shell("reader", "cat; echo $$; cut -d' ' -f5 /proc/$$/stat");
  next_exit();
  const std::string text = read_text_file(log("reader"));
  const std::string pid = text.substr(0, text.find('\n'));
  EXPECT_EQ(text, pid + "\n" + pid + "\n");
}

TEST_F(ChildrenTest, AProgramThatIsNotThereIsNamed) {
  const std::string message =
      refusal(Error::Kind::Unavailable, [&] { children_.start("ghost", "/nowhere/program", {}, log("ghost")); });
  EXPECT_THAT(message, HasSubstr("/nowhere/program"));
}

TEST_F(ChildrenTest, ALogThatCannotBeWrittenIsNamed) {
  const std::string message = refusal(Error::Kind::Unavailable, [&] {
    children_.start("a", "/bin/sh", {"-c", "true"}, folder_ / "no_such_folder" / "a.log");
  });
  EXPECT_THAT(message, HasSubstr("no_such_folder/a.log"));
}

TEST_F(ChildrenTest, WhatAChildStartedIsReachedToo) {
  shell("nested", "sleep 1000 & echo $!; wait");
  const pid_t pid = std::stoi(wait_for_log("nested"));
  ASSERT_EQ(::kill(pid, 0), 0);
  children_.signal("nested", SIGKILL);
  next_exit();
  while (runs(pid)) std::this_thread::yield();
}

TEST_F(ChildrenTest, NoneOutlivesItsOwner) {
  pid_t pid = 0;
  {
    Children children;
    children.start("long", "/bin/sh", {"-c", "echo $$; exec sleep 1000"}, log("long"));
    pid = std::stoi(wait_for_log("long"));
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

}  // namespace
}  // namespace tributary::simulation
