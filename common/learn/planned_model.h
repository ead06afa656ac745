// common/learn/planned_model.h
//
// What both planned executors know of their graph beside its layers: the layout, the sizes of an example and of an
// answer, and which parameters no layer reads. Immutable. Private to the room.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/learn/chain.h"
#include "common/model/graph.h"

namespace tributary::learn {

class PlannedModel {
 public:
  // `features` and `outputs` are those of one example; `layers` all there are.
  PlannedModel(const model::Graph& graph, model::LayoutPtr layout, std::size_t features, std::size_t outputs,
               std::span<const std::span<const LayerSpec>> layers);

  const model::LayoutPtr& layout() const { return layout_; }
  std::size_t features() const { return features_; }
  std::size_t outputs() const { return outputs_; }

  // Throws Malformed: parameters of another layout, no examples, examples of another size.
  void check(const model::ParameterSet& parameters, std::span<const float> features, std::size_t examples) const;
  // Writes 0 where no layer writes. REQUIRES: of the layout's size.
  void clear_unused(std::span<float> gradient) const;

 private:
  model::LayoutPtr layout_;
  std::string input_, model_;
  std::size_t features_, outputs_;
  std::vector<const model::TensorSpec*> unused_;
};

}  // namespace tributary::learn
