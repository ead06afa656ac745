// common/learn/chain.h
//
// Recognises a graph that is one chain of the layers that the planned executor has, and writes it down with every size
// known. Recognising is all or nothing: what is not understood completely is left to the eager executor.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "common/learn/head.h"
#include "common/model/graph.h"
#include "common/model/parameters.h"

namespace tributary::learn {

// Of one example: channels planes of height x width. A row of n values is n x 1 x 1.
struct Shape {
  std::size_t channels = 0, height = 1, width = 1;
  std::size_t size() const { return channels * height * width; }
  friend bool operator==(const Shape&, const Shape&) = default;
};

// A window that slides over a picture. Padding is at most the window's size less one.
struct Window {
  std::size_t height = 1, width = 1;
  std::size_t stride_y = 1, stride_x = 1;
  std::size_t top = 0, left = 0, bottom = 0, right = 0;
};

struct DenseSpec {
  std::size_t inputs = 0, outputs = 0;
  std::uint64_t weight = 0;           // offset in the arena
  bool outputs_first = false;         // weight is [outputs, inputs], else [inputs, outputs]
  std::optional<std::uint64_t> bias;  // offset in the arena
};

struct ConvSpec {
  Shape in, out;
  Window window;
  std::uint64_t weight = 0;  // [out channels, in channels, height, width]
  std::optional<std::uint64_t> bias;
};

struct PoolSpec {
  Shape in, out;
  Window window;
};

// Between a row in ONNX's order (channels, height, width) and a picture with its channels innermost.
struct ToPictureSpec {
  Shape shape;
};
struct ToRowSpec {
  Shape shape;
};

struct Activation {
  enum class Kind { None, Relu, LeakyRelu, Tanh, Sigmoid };
  Kind kind = Kind::None;
  float slope = 0;  // LeakyRelu: of the negative side, above 0
};

struct LayerSpec {
  std::variant<DenseSpec, ConvSpec, PoolSpec, ToPictureSpec, ToRowSpec> layer;
  Activation activation;  // of the layer's output
};

struct Chain {
  std::size_t features = 0;       // values of one example
  std::size_t outputs = 0;        // of one example
  std::vector<LayerSpec> layers;  // at least one has parameters
  Head head = Head::Plain;        // after the layers
};

// Nullopt when some part of the graph that its output depends on is not covered.
std::optional<Chain> find_chain(const model::Graph& graph, const model::ParameterLayout& layout);

// A trunk of layers and what leaves it: every exit is a chain of its own from a row of values on.
struct Tree {
  struct Exit {
    std::size_t from = 0;           // layers of the trunk before it
    std::vector<LayerSpec> layers;  // at least one has parameters
    Head head = Head::Plain;
  };
  std::size_t features = 0;  // values of one example
  std::size_t outputs = 0;   // of one example, at every exit
  std::vector<LayerSpec> trunk;
  std::vector<Exit> exits;  // in the order asked for
};

// The tree that ends in these outputs of the graph, the last of them at the end of the trunk. Nullopt as find_chain(),
// and where exits share more than the trunk, leave it from pictures or give different numbers of values.
std::optional<Tree> find_tree(const model::Graph& graph, const model::ParameterLayout& layout,
                              std::span<const std::string> outputs);

}  // namespace tributary::learn
