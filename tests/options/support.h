// tests/options/support.h
//
// A program's settings with a key of every kind.
#pragma once

#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "common/options/command_line.h"
#include "tests/support.h"

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

}  // namespace tributary::options
