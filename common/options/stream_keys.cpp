#include "common/options/stream_keys.h"

namespace tributary::options {

void bind_stream_features(Keys& keys, bool& standardize, std::uint32_t& window, double& scale, bool& last_label) {
  keys.flag("stream.standardize", standardize,
            "whether each feature is shifted and scaled by mean and deviation of what came so far");
  keys.count("stream.scale_window", window, {0, 1e5},
             "latest examples of which mean and deviation are taken, such as those of a day; 0 = all so far");
  keys.number("stream.scale", scale, {1e-6, 1e6},
              "factor on the features then; less than 1 lets the step size be larger");
  keys.flag("stream.last_label", last_label, "whether the last label known is one more feature");
}

void bind_stream_rounds(Keys& keys, data::StreamRounds& rounds) {
  bind_stream_features(keys, rounds.standardize, rounds.scale_window, rounds.scale, rounds.last_label);
  keys.count("stream.round_examples", rounds.examples, {1, 1e6}, "examples of a stream that a round learns at most");
  keys.count("stream.round_least", rounds.least, {1, 1e6}, "with fewer new ones a round is declined");
  keys.choice(
      "stream.keep", rounds.keep, {"all", "newest", "reservoir", "window"},
      "of more than a round learns: all for later rounds, the newest, a uniform sample, or a window learnt again "
      "in each round");
}

}  // namespace tributary::options
