#include "common/learn/head.h"

#include <string>

#include "common/base/error.h"

namespace tributary::learn {

Head head_of(const model::Node& node, std::int64_t opset) {
  if (node.op == "Sigmoid") return Head::Sigmoid;
  if (node.op != "Softmax" && node.op != "LogSoftmax") return Head::Plain;
  const auto axis = node.integer("axis", opset < 13 ? 1 : -1);
  if (axis != -1 && axis != 1) return Head::Plain;
  return node.op == "Softmax" ? Head::Softmax : Head::LogSoftmax;
}

bool takes_logits(Loss loss, Head head) {
  const auto refuse = [&](std::string_view ending) {
    fail(Error::Kind::Unsupported,
         "unsupported: loss " + std::string(name_of(loss)) + " of a model that ends in " + std::string(ending));
  };
  if (loss == Loss::CrossEntropy && head == Head::Sigmoid) refuse("Sigmoid; use binary_cross_entropy");
  if (loss == Loss::BinaryCrossEntropy && head == Head::Softmax) refuse("Softmax; use cross_entropy");
  if (loss == Loss::BinaryCrossEntropy && head == Head::LogSoftmax) refuse("LogSoftmax; use cross_entropy");
  return loss != Loss::MeanSquaredError;
}

}  // namespace tributary::learn
