// common/learn/torch_model.h
//
// What every eager executor needs of a graph: its parameters as LibTorch leaves over the caller's arena, its input as a
// tensor, and gradients back in the arena's order. One thread at a time. Private to the room.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/learn/program.h"
#include "common/learn/torch.h"
#include "common/model/graph.h"
#include "common/model/parameters.h"

namespace tributary::learn {

class TorchModel {
 public:
  explicit TorchModel(const model::Graph& graph) : TorchModel(graph, graph.layout()) {}
  // For parameters of another layout than the graph's own.
  TorchModel(const model::Graph& graph, model::LayoutPtr layout)
      : layout_(std::move(layout)), input_(graph.example_input()), name_(graph.name) {}

  const model::ParameterLayout& layout() const { return *layout_; }
  const model::LayoutPtr& layout_ptr() const { return layout_; }
  const std::string& name() const { return name_; }

  // Makes leaves() alias the arena. Throws Malformed for parameters of another model.
  void bind(const model::ParameterSet& parameters);
  // In layout order.
  std::span<const at::Tensor> leaves() const { return leaves_; }

  // Rows in the shape of the graph's input; one dimension besides the batch may be left to the length of the rows.
  at::Tensor input_tensor(std::span<const float> features, std::size_t examples) const;

  // Derivatives of `loss` with respect to the trainable leaves; 0 for the others.
  void write_gradient(const at::Tensor& loss, const Program& program, std::span<float> gradient) const;

 private:
  model::LayoutPtr layout_;
  model::ValueInfo input_;
  std::string name_;
  std::vector<at::Tensor> leaves_;
  const float* bound_ = nullptr;  // the arena that leaves_ alias
};

}  // namespace tributary::learn
