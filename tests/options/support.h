// tests/options/support.h
//
// A program's settings with a key of every kind, and what the tests say of failures.
#pragma once

#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "common/base/error.h"
#include "common/base/files.h"
#include "common/options/command_line.h"

namespace tributary::options {

struct Fleet {
  std::string model = "2nn";
  std::uint64_t seed = 1;
  std::uint32_t cohort = 10;
  double overselect = 1.5;
  double floor = 0;
  bool per_layer = true;
  std::string loss = "cross_entropy";
  Path images;
  std::vector<std::string> share{"all"};

  void bind(Keys& keys) {
    keys.text("model", model, "zoo specification or ONNX file");
    keys.count("seed", seed, {}, "seed of every random stream");
    keys.count("round.cohort", cohort, {1, 1000}, "updates that a round wants");
    keys.number("round.overselect", overselect, {1, 10}, "asked = cohort * overselect");
    keys.number("round.floor", floor, {.low = 0}, "least loss, in nats");
    keys.flag("edge.per_layer", per_layer, "whether every layer is pruned alike");
    keys.choice("training.loss", loss, {"cross_entropy", "mean_squared_error"}, "what training makes small");
    keys.path("data.images", images, "IDX file");
    keys.custom(
        "round.share", "all|N",
        [this](std::string_view text) {
          if (text != "all" && text != "half") fail(Error::Kind::Malformed, "must be all or half");
          share = {std::string(text)};
        },
        [this] { return share.front(); }, "share of those there");
  }
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

// A folder that goes away with the test.
class Folder {
 public:
  Folder() {
    std::string pattern = ::testing::TempDir() + "options_XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = pattern;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }

  const Path& path() const { return path_; }
  std::string write(const std::string& name, std::string_view content) const {
    write_text_file(path_ / name, content);
    return (path_ / name).string();
  }

 private:
  Path path_;
};

}  // namespace tributary::options
