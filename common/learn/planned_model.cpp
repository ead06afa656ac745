#include "common/learn/planned_model.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "common/base/error.h"

namespace tributary::learn {

namespace {

void note_parameters(const LayerSpec& layer, std::vector<std::uint64_t>& used) {
  const auto note = [&](const auto& spec) {
    used.push_back(spec.weight);
    if (spec.bias) used.push_back(*spec.bias);
  };
  if (const auto* dense = std::get_if<DenseSpec>(&layer.layer)) note(*dense);
  if (const auto* conv = std::get_if<ConvSpec>(&layer.layer)) note(*conv);
}

}  // namespace

PlannedModel::PlannedModel(const model::Graph& graph, model::LayoutPtr layout, std::size_t features,
                           std::size_t outputs, std::span<const std::span<const LayerSpec>> layers)
    : layout_(std::move(layout)),
      input_(graph.inputs.front().name),
      model_(graph.name),
      features_(features),
      outputs_(outputs) {
  std::vector<std::uint64_t> used;
  for (const auto& row : layers)
    for (const LayerSpec& layer : row) note_parameters(layer, used);
  for (const auto& spec : layout_->tensors())
    if (std::find(used.begin(), used.end(), spec.offset) == used.end()) unused_.push_back(&spec);
}

void PlannedModel::check(const model::ParameterSet& parameters, std::span<const float> features,
                         std::size_t examples) const {
  if (parameters.empty() || (parameters.layout_ptr() != layout_ && parameters.layout().digest() != layout_->digest()))
    fail(Error::Kind::Malformed, "parameters of another model were given to model '" + model_ + "'");
  if (examples == 0) fail(Error::Kind::Malformed, "model '" + model_ + "' was given no examples");
  if (features.size() % features_ != 0 || features.size() / features_ != examples)
    fail(Error::Kind::Malformed, "input '" + input_ + "' of model '" + model_ + "' does not take examples of " +
                                     std::to_string(features.size() / examples) + " values");
}

void PlannedModel::clear_unused(std::span<float> gradient) const {
  for (const auto* spec : unused_) std::fill_n(gradient.data() + spec->offset, spec->size, 0.0f);
}

}  // namespace tributary::learn
