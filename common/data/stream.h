// common/data/stream.h
//
// Labelled examples in the order of time, one after the other: what a learner that learns while data arrive reads from.
// A stream belongs to one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/data/dataset.h"

namespace tributary::data {

enum class Next : std::uint8_t {
  Example,  // one was written
  Nothing,  // none now; ask again later
  End,      // none will come
};

class ExampleStream {
 public:
  virtual ~ExampleStream() = default;
  // Values of one example.
  virtual std::size_t features() const = 0;
  // Labels are below this.
  virtual std::uint32_t classes() const = 0;
  // The next example. Leaves both alone unless it gives Example. REQUIRES: a span of features() values.
  virtual Next next(std::span<float> features, float& label) = 0;
  // Where reading stands, behind the last example given, as text for whoever can open the stream there; empty where
  // there is no way back.
  virtual std::string position() const { return {}; }
};

// The view's examples in its order, once. Throws Malformed when its labels are not classes.
std::unique_ptr<ExampleStream> replay(View view);

// Streams made from a seed, with concept drift: KIND[,KEY=VALUE...], for example "sea,every=25000,examples=100000".
//   sea          3 features in [0, 10); class 1 when the first two sum to at most a threshold, one of 8, 9, 7, 9.5 in
//                turn (Street & Kim 2001); noise 0.1
//   hyperplane   `features` (10) in [0, 1); class 1 above a plane through their middle with random weights; with `turn`
//                each weight moves by so much an example, up or down (Hulten et al. 2001); noise 0.05
//   rbf          `centroids` (30) in [0, 1)^features (10), each of one of `classes` (3) with a spread of its own,
//   around
//                which the examples lie (Bifet et al. 2009); noise 0
// Keys of all: examples (0 = endless), every (a new concept after each so many examples; 0 = never), width (examples
// over which the new concept takes over, with a probability that grows along a straight line; 0 = at once), noise
// (share of labels that are replaced by another class), seed (of the concepts and examples; default: `seed`). Equal
// texts and seeds give equal streams. Throws Malformed naming an unknown kind or key (with the nearest) or a value out
// of range.
std::unique_ptr<ExampleStream> make_generator(std::string_view text, std::uint64_t seed);
// "sea", "hyperplane", "rbf".
const std::vector<std::string>& generator_names();

}  // namespace tributary::data
