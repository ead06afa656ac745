// Which initialisers are parameters, and in which role. For every slot of every node that takes parameters, the walk
// goes back through shape-only operators to the initialisers behind it. Each value is walked over once, so the work is
// linear in the size of the graph.
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/model/graph.h"

namespace tributary::model {

namespace {

// What a slot makes of the initialiser in it. For a weight, the axis of its output channels, from the front (>= 0) or
// from the end (-1 = last); `merged` axes from there on count as channels together.
struct Use {
  Role role = Role::Vector;
  int channel_axis = 0;
  int merged = 1;
  // An operand of arithmetic: may also be a mere constant.
  bool weak = false;
};

// What lies between an initialiser and the slot.
enum class Axes { Kept, Swapped, Moved };  // Swapped: a matrix, transposed

struct Step {
  std::string_view value;
  Axes axes = Axes::Kept;
  bool joined = false;  // concatenated with what the graph computes from its input
};

std::optional<Use> slot_use(const Node& node, std::size_t slot) {
  const Use weight_first{Role::Weight, 0}, weight_last{Role::Weight, -1}, vector{};
  if (node.op == "Gemm") {
    if (slot == 2) return vector;
    const bool transposed = node.integer(slot == 0 ? "transA" : "transB", 0) != 0;
    return transposed == (slot == 0) ? weight_last : weight_first;
  }
  if (node.op == "MatMul") return slot == 0 ? Use{Role::Weight, -2} : weight_last;
  if (node.op == "Conv" && slot >= 1) return slot == 1 ? weight_first : vector;
  if (node.op == "BatchNormalization" && slot >= 1) return slot <= 2 ? vector : Use{Role::State};
  if (node.op == "LayerNormalization" && slot >= 1) return vector;
  if (node.op == "PRelu" && slot == 1) return vector;
  if (node.op == "LSTM" || node.op == "GRU") {
    if (slot == 1 || slot == 2) return Use{Role::Weight, 0, 2};
    if (slot == 3 || slot == 7) return vector;
  }
  if (node.op == "Gather" && slot == 0) return weight_first;
  if (node.op == "Add" || node.op == "Sub" || node.op == "Mul" || node.op == "Div") return Use{.weak = true};
  return std::nullopt;
}

// The inputs whose values a shape-only operator passes on; none for other operators.
std::size_t passed_on(const Node& node) {
  static const std::set<std::string_view> kFirst{"Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Slice",
                                                 "Split",    "Flatten",   "Expand",  "Tile",    "Dropout"};
  constexpr std::int64_t kOnnxFloat = 1;
  if (node.op == "Concat") return node.inputs.size();
  const bool first = kFirst.contains(node.op) || (node.op == "Cast" && node.integer("to", 0) == kOnnxFloat);
  return first && !node.inputs.empty() ? 1 : 0;
}

Axes axes_before(const Node& node, Axes after) {
  static const std::set<std::string_view> kKeeping{"Identity", "Dropout", "Cast", "Slice", "Split", "Concat"};
  if (after == Axes::Moved || kKeeping.contains(node.op)) return after;
  const std::vector<std::int64_t> swap{1, 0};
  if (node.op == "Transpose" && node.integers("perm", swap) == swap) {
    return after == Axes::Kept ? Axes::Swapped : Axes::Kept;
  }
  return Axes::Moved;
}

TensorSpec spec_of(const std::string& name, const Tensor& tensor, const Use& use, const Step& path) {
  TensorSpec spec{name, tensor.shape, use.role};
  const auto rank = static_cast<int>(tensor.shape.size());
  if (use.role == Role::Weight && (rank < 2 || path.joined)) spec.role = Role::Vector;
  if (spec.role != Role::Weight) return spec;
  int axis = use.channel_axis < 0 ? rank + use.channel_axis : use.channel_axis;
  int merged = std::min(use.merged, rank - 1);
  if (path.axes != Axes::Kept) {
    axis = path.axes == Axes::Swapped && rank == 2 ? 1 - axis : 0;
    merged = 1;
  }
  for (int i = axis; i < rank; ++i) {
    (i < axis + merged ? spec.channels : spec.channel_stride) *= static_cast<std::uint64_t>(spec.shape[std::size_t(i)]);
  }
  return spec;
}

bool all_finite(const Tensor& tensor) {
  for (const float value : tensor.as<float>()) {
    if (!std::isfinite(value)) return false;
  }
  return true;
}

class Finder {
 public:
  explicit Finder(const Graph& graph) : graph_(graph) {
    if (const auto frozen = graph.metadata.find("tributary.frozen"); frozen != graph.metadata.end()) {
      for (const std::string_view name : split(frozen->second, ',')) frozen_.insert(trim(name));
    }
    for (const auto& [name, tensor] : graph.initializers) fixed_.insert(name);
    for (const Node& node : graph.nodes) {
      const bool fixed = node.op == "Constant" || (passed_on(node) > 0 && !reads_computed(node));
      for (const std::string& output : node.outputs) {
        producers_.emplace(output, &node);
        if (fixed) fixed_.insert(output);
      }
    }
  }

  std::vector<TensorSpec> find() {
    for (const Node& node : graph_.nodes) {
      for (std::size_t slot = 0; slot < node.inputs.size(); ++slot) {
        if (const auto use = slot_use(node, slot)) walk(node.inputs[slot], *use);
      }
    }
    add_alpha();
    return std::move(specs_);
  }

 private:
  // The weights of the ensemble over exits (exits.h) are state: learnt, but not by gradients.
  void add_alpha() {
    const auto named = graph_.metadata.find("tributary.alpha");
    if (named == graph_.metadata.end() || frozen_.contains(named->second)) return;
    const auto found = graph_.initializers.find(named->second);
    if (found == graph_.initializers.end() || places_.contains(found->first)) return;
    const Tensor& tensor = found->second;
    if (tensor.type == DType::Float32 && tensor.shape.size() == 1 && tensor.shape[0] > 0)
      specs_.push_back({found->first, tensor.shape, Role::State});
  }

  bool reads_computed(const Node& node) const {
    for (std::size_t i = 0; i < passed_on(node); ++i) {
      if (!fixed_.contains(node.inputs[i])) return true;
    }
    return false;
  }

  void walk(std::string_view from, const Use& use) {
    std::vector<Step> open{{from}};
    while (!open.empty()) {
      const Step step = open.back();
      open.pop_back();
      // What a definite use has reached, a weak one cannot change.
      if (seen_.contains(step.value) || !(use.weak ? weakly_seen_ : seen_).insert(step.value).second) continue;
      if (const auto found = graph_.initializers.find(std::string(step.value)); found != graph_.initializers.end()) {
        list(found->first, found->second, use, step);
      } else if (const auto producer = producers_.find(step.value); producer != producers_.end()) {
        const Node& node = *producer->second;
        const bool joined = step.joined || (node.op == "Concat" && reads_computed(node));
        for (std::size_t i = passed_on(node); i-- > 0;) {
          open.push_back({node.inputs[i], axes_before(node, step.axes), joined});
        }
      }
    }
  }

  void list(const std::string& name, const Tensor& tensor, const Use& use, const Step& path) {
    const std::uint64_t elements = tensor.elements();
    if (tensor.type != DType::Float32 || elements == 0 || frozen_.contains(name)) return;
    if (use.weak && (elements < 2 || !all_finite(tensor))) return;
    const TensorSpec spec = spec_of(name, tensor, use, path);
    const auto [place, is_new] = places_.emplace(name, specs_.size());
    if (is_new) {
      specs_.push_back(spec);
    } else {
      specs_[place->second] = spec;  // so far it was an operand of arithmetic
    }
  }

  const Graph& graph_;
  std::set<std::string_view> frozen_;
  std::set<std::string_view> fixed_;  // values that do not depend on the graph's input
  std::map<std::string_view, const Node*> producers_;
  std::set<std::string_view> seen_, weakly_seen_;
  std::map<std::string_view, std::size_t> places_;
  std::vector<TensorSpec> specs_;
};

}  // namespace

LayoutPtr Graph::layout() const {
  return std::make_shared<ParameterLayout>(Finder(*this).find());
}

}  // namespace tributary::model
