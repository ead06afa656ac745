#include "common/edge/augmentation.h"

#include <algorithm>
#include <set>

#include "common/base/error.h"
#include "common/base/random.h"
#include "common/edge/graph_edits.h"

namespace tributary::edge {

namespace {

class Shifted final : public data::Dataset {
 public:
  Shifted(data::DatasetPtr pictures, std::uint32_t pixels, std::uint64_t seed, std::uint64_t epoch)
      : pictures_(std::move(pictures)), pixels_(pixels), random_({seed, "shift of pictures", epoch, {}}) {
    const auto shape = pictures_->feature_shape();
    rows_ = static_cast<std::size_t>(shape[1]);
    columns_ = static_cast<std::size_t>(shape[2]);
  }

  std::uint32_t size() const override { return pictures_->size(); }
  std::span<const std::int64_t> feature_shape() const override { return pictures_->feature_shape(); }
  std::size_t feature_size() const override { return pictures_->feature_size(); }
  std::size_t label_size() const override { return pictures_->label_size(); }
  std::uint32_t classes() const override { return pictures_->classes(); }
  std::uint32_t label_of(std::uint32_t i) const override { return pictures_->label_of(i); }
  std::uint32_t holders() const override { return pictures_->holders(); }
  std::uint32_t holder_of(std::uint32_t i) const override { return pictures_->holder_of(i); }

  void read(std::span<const std::uint32_t> indices, std::span<float> features, std::span<float> labels) const override {
    pictures_->read(indices, features, labels);
    std::vector<float> plane(rows_ * columns_);
    const std::size_t size = feature_size();
    for (std::size_t e = 0; e < indices.size(); ++e) {
      const auto words = random_.block(indices[e]);
      const auto down = offset(words[0]), right = offset(words[1]);
      for (std::size_t at = 0; at < size; at += plane.size())
        move(features.subspan(e * size + at, plane.size()), down, right, plane);
    }
  }

 private:
  std::int64_t offset(std::uint32_t word) const {
    const std::uint64_t places = 2 * std::uint64_t{pixels_} + 1;
    return static_cast<std::int64_t>((places * word) >> 32) - static_cast<std::int64_t>(pixels_);
  }

  void move(std::span<float> picture, std::int64_t down, std::int64_t right, std::vector<float>& plane) const {
    std::ranges::copy(picture, plane.begin());
    std::ranges::fill(picture, 0.0F);
    const auto rows = static_cast<std::int64_t>(rows_), columns = static_cast<std::int64_t>(columns_);
    const std::int64_t left = std::max<std::int64_t>(0, -right), end = std::min(columns, columns - right);
    for (std::int64_t y = std::max<std::int64_t>(0, -down); y < std::min(rows, rows - down); ++y) {
      const auto from = plane.begin() + y * columns;
      std::copy(from + left, from + end, picture.begin() + (y + down) * columns + left + right);
    }
  }

  data::DatasetPtr pictures_;
  std::uint32_t pixels_;
  RandomStream random_;
  std::size_t rows_ = 0, columns_ = 0;
};

// Values that come from the graph's inputs by nodes that only move them.
std::set<std::string> moved_inputs(const model::Graph& graph) {
  static const std::set<std::string_view> kMoving{"Flatten",   "Reshape",   "Squeeze",
                                                  "Unsqueeze", "Transpose", "Identity"};
  std::set<std::string> values;
  for (const auto& input : graph.inputs) values.insert(input.name);
  for (const model::Node& node : graph.nodes)
    if (kMoving.contains(node.op) && values.contains(node.inputs.at(0)))
      values.insert(node.outputs.begin(), node.outputs.end());
  return values;
}

model::Node dropout_of(model::Graph& graph, Names& names, const std::string& value, double ratio) {
  constexpr std::int64_t kFirstOpsetWithInputs = 12;
  const auto share = static_cast<float>(ratio);
  model::Node node{names.fresh(value + "_dropout"), "Dropout", {value}, {names.fresh(value + "_dropped")}, {}};
  if (graph.opset < kFirstOpsetWithInputs) {
    node.attributes.emplace("ratio", share);
    return node;
  }
  const std::string constant = names.fresh(value + "_ratio"), training = names.fresh(value + "_training");
  graph.initializers.emplace(constant, model::Tensor::floats({}, std::span(&share, 1)));
  graph.initializers.emplace(training, model::Tensor{model::DType::Bool, {}, {std::byte{1}}});
  node.inputs = {value, constant, training};
  return node;
}

}  // namespace

data::View shifted(const data::View& examples, std::uint32_t pixels, std::uint64_t seed, std::uint64_t epoch) {
  if (pixels == 0) return examples;
  const auto shape = examples.dataset->feature_shape();
  if (shape.size() != 3 || std::min(shape[1], shape[2]) <= static_cast<std::int64_t>(pixels))
    fail(Error::Kind::Malformed, "training.shift moves pictures of more than " + std::to_string(pixels) +
                                     " pixels a side (channels x rows x columns), and these examples are none");
  return {std::make_shared<Shifted>(examples.dataset, pixels, seed, epoch), examples.indices};
}

model::Graph with_dropout(const model::Graph& graph, double ratio) {
  if (!(ratio >= 0 && ratio < 1))
    fail(Error::Kind::Malformed, "training.dropout = " + std::to_string(ratio) + ": must be at least 0 and below 1");
  if (ratio == 0) return graph;
  model::Graph made = graph;
  Names names(graph);
  const auto inputs = moved_inputs(graph);
  made.nodes.clear();
  std::map<std::string, std::string> dropped;
  for (model::Node node : graph.nodes) {
    const bool is_dense = node.op == "Gemm" || node.op == "MatMul";
    if (is_dense && !inputs.contains(node.inputs[0]) && !graph.initializers.contains(node.inputs[0])) {
      auto& name = dropped[node.inputs[0]];
      if (name.empty()) {
        made.nodes.push_back(dropout_of(made, names, node.inputs[0], ratio));
        name = made.nodes.back().outputs[0];
      }
      node.inputs[0] = name;
    }
    made.nodes.push_back(std::move(node));
  }
  return made;
}

}  // namespace tributary::edge
