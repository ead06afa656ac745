// common/learn/operators.h
//
// The ONNX operators on LibTorch: one factory per operator in a table. A factory runs once, when a graph is compiled:
// it reads the attributes, refuses what it cannot run by throwing Unsupported, and returns the kernel that runs in
// every call. Kernels hold no state and never write to their inputs (BatchNormalization's running statistics are the
// one exception). Private to the room: this header includes LibTorch.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/random.h"
#include "common/learn/torch.h"
#include "common/model/graph.h"

namespace tributary::learn {

// What a run of the graph is for.
struct Run {
  bool training = false;           // batch statistics and dropout
  RandomStream* random = nullptr;  // not null while training
};

// The inputs of one run of one node.
class Call {
 public:
  Call(std::span<const at::Tensor> values, std::span<const int> inputs, const Run& run)
      : values_(values), inputs_(inputs), run_(run) {}

  std::size_t size() const { return inputs_.size(); }
  // False when input `i` is left out or past the end.
  bool has(std::size_t i) const { return i < inputs_.size() && inputs_[i] >= 0; }
  // An undefined tensor when !has(i).
  const at::Tensor& operator[](std::size_t i) const;
  const Run& run() const { return run_; }

 private:
  std::span<const at::Tensor> values_;
  std::span<const int> inputs_;  // indices into values_; -1 = left out
  const Run& run_;
};

using Outputs = std::vector<at::Tensor>;
using Kernel = std::function<Outputs(const Call&)>;

// What a factory may ask about its node.
struct Setup {
  const model::Node& node;
  std::int64_t opset;
  std::function<bool(const std::string& value)> is_used;   // another node, or the graph's output, reads this value
  std::function<bool(const std::string& value)> is_state;  // a batch statistic of the layout (not a frozen one)

  // Output `i` exists and is read.
  bool wants(std::size_t i) const { return i < node.outputs.size() && is_used(node.outputs[i]); }
  // Input `i` exists and is not left out.
  bool has(std::size_t i) const { return i < node.inputs.size() && !node.inputs[i].empty(); }
};

using Factory = Kernel (*)(const Setup&);
using OperatorTable = std::map<std::string, Factory, std::less<>>;

// Every operator. Throws Unsupported naming the node when there is no such operator.
Factory find_operator(const model::Node& node);
const OperatorTable& operators();

void add_pointwise(OperatorTable& table);
void add_shapes(OperatorTable& table);
void add_indexing(OperatorTable& table);
void add_reductions(OperatorTable& table);
void add_layers(OperatorTable& table);
void add_windows(OperatorTable& table);
void add_recurrent(OperatorTable& table);
void add_quantization(OperatorTable& table);
void add_int8(OperatorTable& table);

// round(x / scale) + zero in uint8, saturated; in x's own memory format. REQUIRES: x is float32.
at::Tensor quantize_to_bytes(const at::Tensor& x, float scale, float zero);

// "node 'conv1' (Conv)", for messages.
std::string label(const model::Node& node);
[[noreturn]] void unsupported(const model::Node& node, std::string_view what);
[[noreturn]] void malformed(const model::Node& node, std::string_view what);

// Values of an integer tensor, row-major.
std::vector<std::int64_t> integers_of(const at::Tensor& tensor);
// `axis` counted from the front. Throws Malformed unless -rank <= axis < rank.
std::int64_t from_front(std::int64_t axis, std::int64_t rank, std::string_view what);
// Throws Overloaded when a tensor of this shape, which the graph's numbers alone decide, is larger than 2^28 elements.
void check_size(at::IntArrayRef shape, std::string_view what);
// Reads the list from attribute `name` before `opset`, from input `input` since. Empty when it is in neither.
std::function<std::vector<std::int64_t>(const Call&)> attribute_or_input(const Setup& setup, std::string_view name,
                                                                         std::int64_t opset, std::size_t input);

}  // namespace tributary::learn
