// common/edge/graph_edits.h
//
// What everything that rewrites a graph needs: who makes and reads a value, new names, and the removal of what is no
// longer used. Private to the room. Functions of any thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/model/graph.h"

namespace tributary::edge {

// Gives names that no value and no node of the graph has.
class Names {
 public:
  explicit Names(const model::Graph& graph);
  // `name`, with "_" behind it until it is new.
  std::string fresh(std::string name);

 private:
  std::set<std::string> taken_;
};

// Who makes and who reads what, by the nodes' indices. Ends to be true when the graph is edited.
struct Wiring {
  explicit Wiring(const model::Graph& graph);

  const model::Graph& graph;
  std::map<std::string, std::size_t> makers;
  std::map<std::string, std::vector<std::size_t>> readers;  // a node that reads a value twice stands there twice
  std::set<std::string> outputs;                            // of the graph

  // The node that makes `value`; null for inputs and initialisers.
  const model::Node* maker(const std::string& value) const;
  // The only reader of a value that is no output of the graph; null otherwise.
  const model::Node* only_reader(const std::string& value) const;
};

// The float32 initialiser `name`; null when it is something else.
const model::Tensor* float_initializer(const model::Graph& graph, const std::string& name);
std::vector<float> float_values(const model::Tensor& tensor);

// Every node that reads `from` reads `to`.
void redirect_readers(model::Graph& graph, const std::string& from, const std::string& to);

// Removes nodes that no output depends on, and initialisers that nothing reads.
void remove_unused(model::Graph& graph);

}  // namespace tributary::edge
