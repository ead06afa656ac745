// tests/support.h
//
// What the tests of several rooms share: a folder that goes away with the test, and what a refusal says.
#pragma once

#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "common/base/error.h"
#include "common/base/files.h"

namespace tributary {

// A new folder with a name of its own.
class Folder {
 public:
  Folder() {
    std::string pattern = ::testing::TempDir() + "tributary_XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = pattern;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }

  const Path& path() const { return path_; }
  Path operator/(const std::string& name) const { return path_ / name; }
  Path write(const std::string& name, std::string_view content) const {
    write_text_file(path_ / name, content);
    return path_ / name;
  }

 private:
  Path path_;
};

// The message of the Error that `action` throws, which must be of `kind` and one line.
inline std::string refusal(Error::Kind kind, const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(name_of(error.kind()), name_of(kind)) << error.what();
    const std::string message = error.what();
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message;
  }
  ADD_FAILURE() << "nothing was refused";
  return "";
}

}  // namespace tributary
