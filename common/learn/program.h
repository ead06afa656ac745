// common/learn/program.h
//
// A graph as a list of steps over numbered slots: what is left of it after names are resolved, nodes that the output
// does not need are dropped, and everything that depends on constants alone is computed. Private to the room.
// A Program belongs to one thread at a time.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "common/learn/head.h"
#include "common/learn/operators.h"
#include "common/model/graph.h"
#include "common/model/parameters.h"

namespace tributary::learn {

class Program {
 public:
  // For the outputs named, or the graph's first. Throws Unsupported or Malformed, naming the node, for what cannot be
  // run.
  Program(const model::Graph& graph, const model::ParameterLayout& layout, std::vector<std::string> outputs = {});

  // Graph output for `input`, with `parameters` in layout order. Throws Malformed naming the node whose shapes do not
  // fit.
  at::Tensor output(std::span<const at::Tensor> parameters, const at::Tensor& input, const Run& run);
  // The same before the last Softmax, LogSoftmax or Sigmoid, when the graph ends in one.
  at::Tensor logits(std::span<const at::Tensor> parameters, const at::Tensor& input, const Run& run);
  // What logits() left out.
  Head head() const { return ends_.front().head; }
  // logits() or output() of every output, in the order given; `chosen[i]` says which of the two for output i.
  std::vector<at::Tensor> all(std::span<const at::Tensor> parameters, const at::Tensor& input, const Run& run,
                              const std::vector<bool>& chosen);
  std::vector<Head> heads() const;
  // Is parameter `index` (in layout order) read by a step?
  bool is_used(std::size_t index) const { return parameter_slots_.at(index) >= 0; }

 private:
  struct Step {
    std::string label;
    Kernel kernel;
    std::vector<int> inputs, outputs;
    std::vector<int> expiring;  // slots that no later step reads
  };

  int slot_of(const std::string& value);
  void add_step(const model::Graph& graph, const model::Node& node, const model::ParameterLayout& layout);
  bool fold(const Step& step, const std::string& op);
  struct End {
    int output_slot, logits_slot;
    std::size_t walked;  // last steps that logits() leaves out
    Head head;
  };
  End end_of(const model::Graph& graph, const std::string& output);
  void find_expiring();
  void execute(const Step& step, const Run& run);
  std::vector<at::Tensor> run_until(std::size_t steps, std::span<const int> slots,
                                    std::span<const at::Tensor> parameters, const at::Tensor& input, const Run& run);

  std::vector<Step> steps_;
  std::map<std::string, int> slots_;
  std::vector<at::Tensor> values_;  // per slot
  std::vector<bool> is_constant_;   // per slot
  std::set<std::string> used_;      // values that the outputs depend on
  std::vector<int> parameter_slots_;
  int input_slot_ = -1;
  std::vector<End> ends_;
};

}  // namespace tributary::learn
