#include <map>
#include <set>

#include "common/base/error.h"
#include "common/model/onnx_format.h"

namespace tributary::model::onnx_format {

namespace {

// Who makes which value, and whose inputs are still to come. (Kahn's method.)
class Order {
 public:
  Order(const Graph& graph, const std::string& source) : graph_(graph), source_(source) {
    for (const ValueInfo& input : graph.inputs) given_.insert(input.name);
    for (const auto& [name, tensor] : graph.initializers) given_.insert(name);
    find_producers();
    find_users();
    for (const ValueInfo& output : graph.outputs) {
      if (!given_.contains(output.name) && !producers_.contains(output.name)) {
        malformed("nothing produces the output '" + output.name + "'");
      }
    }
  }

  // Indices of the nodes, the smallest that is ready first.
  std::vector<std::size_t> find() {
    std::set<std::size_t> ready;
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      if (waiting_[i] == 0) ready.insert(i);
    }
    std::vector<std::size_t> order;
    while (!ready.empty()) {
      const std::size_t next = *ready.begin();
      ready.erase(ready.begin());
      order.push_back(next);
      for (const std::size_t user : users_[next]) {
        if (--waiting_[user] == 0) ready.insert(user);
      }
    }
    if (order.size() != waiting_.size()) malformed("its nodes form a cycle");
    return order;
  }

 private:
  [[noreturn]] void malformed(const std::string& why) const { fail(Error::Kind::Malformed, source_ + ": " + why); }

  void find_producers() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      for (const std::string& output : graph_.nodes[i].outputs) {
        if (output.empty()) continue;
        if (given_.contains(output) || !producers_.emplace(output, i).second) {
          malformed("value '" + output + "' is produced twice");
        }
      }
    }
  }

  void find_users() {
    users_.resize(graph_.nodes.size());
    waiting_.resize(graph_.nodes.size());
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      for (const std::string& input : graph_.nodes[i].inputs) {
        if (input.empty() || given_.contains(input)) continue;
        const auto producer = producers_.find(input);
        if (producer == producers_.end()) {
          malformed("nothing produces '" + input + "', an input of node '" + graph_.nodes[i].name + "'");
        }
        users_[producer->second].push_back(i);
        ++waiting_[i];
      }
    }
  }

  const Graph& graph_;
  const std::string& source_;
  std::set<std::string_view> given_;
  std::map<std::string_view, std::size_t> producers_;
  std::vector<std::vector<std::size_t>> users_;
  std::vector<std::size_t> waiting_;
};

}  // namespace

void order_nodes(Graph& graph, const std::string& source) {
  const std::vector<std::size_t> order = Order(graph, source).find();
  std::vector<Node> nodes;
  nodes.reserve(order.size());
  for (const std::size_t i : order) nodes.push_back(std::move(graph.nodes[i]));
  graph.nodes = std::move(nodes);
}

}  // namespace tributary::model::onnx_format
