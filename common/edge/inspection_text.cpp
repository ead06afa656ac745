#include <algorithm>
#include <array>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "common/base/text.h"
#include "common/edge/inspection.h"

namespace tributary::edge {

namespace {

using nlohmann::ordered_json;

// "?x784"; a scalar is "scalar".
std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t dimension : shape) {
    if (!text.empty()) text += "x";
    text += dimension < 0 ? "?" : std::to_string(dimension);
  }
  return text.empty() ? "scalar" : text;
}

// "1,663,370".
std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t place = digits.size(); place > 3; place -= 3) digits.insert(place - 3, ",");
  return digits;
}

std::string percent(double share) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %%", 100 * share);
  return text.data();
}

std::string line(std::string_view what, const std::string& text) {
  return std::string(what) + std::string(what.size() < 12 ? 12 - what.size() : 1, ' ') + text + "\n";
}

std::string value_text(const model::ValueInfo& value) {
  return value.name + "  " + std::string(name_of(value.type)) + "  " +
         (value.has_shape ? shape_text(value.shape) : "of any shape");
}

// Rows of cells under a head, in columns as wide as they need; the columns from `first_number` on are set to the right.
std::string columns(const std::vector<std::vector<std::string>>& rows, std::size_t first_number) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - row[i].size(), ' ');
      text += (i == 0 ? "" : "  ") + (i < first_number ? row[i] + space : space + row[i]);
    }
    text += "\n";
  }
  return text;
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
