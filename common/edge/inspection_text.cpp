#include <nlohmann/json.hpp>

#include "common/base/text.h"
#include "common/edge/inspection.h"
#include "common/edge/wording.h"

namespace tributary::edge {

namespace {

using nlohmann::ordered_json;

std::string value_text(const model::ValueInfo& value) {
  return value.name + "  " + std::string(name_of(value.type)) + "  " +
         (value.has_shape ? shape_text(value.shape) : "of any shape");
}

std::string tensor_table(const Inspection& inspection) {
  std::vector<std::vector<std::string>> rows{
      {"parameter", "read by", "kind", "type", "shape", "elements", "bytes", "zeros"}};
  std::uint64_t constants = 0, constant_bytes = 0;
  for (const TensorFacts& facts : inspection.tensors) {
    if (facts.kind == TensorKind::Constant) {
      ++constants;
      constant_bytes += facts.bytes;
      continue;
    }
    const double zeros = static_cast<double>(facts.zeros) / static_cast<double>(facts.elements);
    rows.push_back({facts.name, facts.op, std::string(name_of(facts.kind)), std::string(name_of(facts.type)),
                    shape_text(facts.shape), grouped(facts.elements), grouped(facts.bytes), percent(zeros)});
  }
  constexpr std::size_t kFirstNumber = 5;
  std::string text = rows.size() > 1 ? "\n" + columns(rows, kFirstNumber) : "";
  if (constants > 0) {
    text += "and " + grouped(constants) + " constant tensor" + (constants == 1 ? "" : "s") + " of " +
            human_bytes(static_cast<double>(constant_bytes)) + "\n";
  }
  return text;
}

ordered_json json_of(const model::ValueInfo& value) {
  ordered_json made{{"name", value.name}, {"type", name_of(value.type)}};
  made["shape"] = value.has_shape ? ordered_json(value.shape) : ordered_json(nullptr);
  return made;
}

ordered_json json_of(const TensorFacts& facts) {
  return {{"name", facts.name},          {"node", facts.node},          {"operator", facts.op},
          {"kind", name_of(facts.kind)}, {"type", name_of(facts.type)}, {"shape", facts.shape},
          {"elements", facts.elements},  {"bytes", facts.bytes},        {"zeros", facts.zeros}};
}

template <class T>
ordered_json json_list(const std::vector<T>& all) {
  ordered_json made = ordered_json::array();
  for (const T& one : all) made.push_back(json_of(one));
  return made;
}

}  // namespace

std::string as_table(const Inspection& inspection) {
  std::string operators;
  for (const auto& [op, count] : inspection.operators) {
    operators += (operators.empty() ? "" : ", ") + op + " " + std::to_string(count);
  }
  std::string text = line("model", inspection.name + ", opset " + std::to_string(inspection.opset));
  for (const auto& input : inspection.inputs) text += line("input", value_text(input));
  for (const auto& output : inspection.outputs) text += line("output", value_text(output));
  text += line("operators", operators.empty() ? "none" : operators);
  text += line("parameters", grouped(inspection.parameters) + ", " + grouped(inspection.weights) + " of them weights");
  text += line("sparsity", percent(inspection.sparsity()) + " of the weights are zero");
  text += line("tensors", grouped(inspection.tensor_bytes) + " bytes");
  if (inspection.file_bytes > 0) {
    text += line("file", grouped(inspection.file_bytes) + " bytes, SHA-256 " + inspection.file_digest.hex());
  }
  text += line("digest", inspection.model_digest.hex() + " (of the float32 parameters)");
  return text + tensor_table(inspection);
}

std::string as_json(const Inspection& inspection) {
  ordered_json made{{"name", inspection.name},
                    {"opset", inspection.opset},
                    {"inputs", json_list(inspection.inputs)},
                    {"outputs", json_list(inspection.outputs)},
                    {"operators", inspection.operators},
                    {"parameters", inspection.parameters},
                    {"weights", inspection.weights},
                    {"weight_zeros", inspection.weight_zeros},
                    {"sparsity", inspection.sparsity()},
                    {"tensor_bytes", inspection.tensor_bytes}};
  if (inspection.file_bytes > 0) {
    made["file_bytes"] = inspection.file_bytes;
    made["file_digest"] = inspection.file_digest.hex();
  }
  made["model_digest"] = inspection.model_digest.hex();
  made["tensors"] = json_list(inspection.tensors);
  // Names are whatever bytes the model's author chose.
  return made.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace tributary::edge
