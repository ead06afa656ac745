// common/model/exits.h
//
// Graphs that answer at several depths ("exits"), as online deep learning needs them (Sahoo et al. 2018), and the
// ensemble over them. Which outputs are exits, and where the ensemble's weights are kept, is said by the graph itself:
//   metadata "tributary.exits"   names of outputs, shallowest first, between commas
//   metadata "tributary.alpha"   name of the initialiser [exits] that holds the logarithms of the ensemble's weights
// Without the first, the outputs whose names begin with "exit" are the exits, in the graph's order, so that a plain
// export can mark them. Free functions of any thread.
#pragma once

#include <string>
#include <vector>

#include "common/model/graph.h"

namespace tributary::model {

// Outputs that are exits, shallowest first; the first output alone where none are marked. Throws Malformed when the
// metadata names something that is no output, or a name twice; Unsupported for a graph without outputs.
std::vector<std::string> exits_of(const Graph& graph);

// Where the logarithms of the weights lie in layout(), of Role::State with one value for each exit; nullptr where the
// graph keeps none. Throws Malformed when the metadata's name is no such initialiser.
const TensorSpec* alpha_of(const Graph& graph, const ParameterLayout& layout);

// Makes the ensemble F(x) = sum over l of alpha_l f_l(x) (Sahoo et al. 2018, eq. 1) the graph's first output, "logits":
// the logarithm of the weighted mean of the exits' probabilities, whose softmax is that mean. Adds the weights as
// "hedge.log_alpha", all equal, and both metadata. The exits must give logits, [batch, classes]. Throws Malformed when
// there are fewer than two, when their numbers of classes are not known or differ, or the ensemble is there already.
void add_ensemble(Graph& graph);

}  // namespace tributary::model
