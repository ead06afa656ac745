#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "common/edge/commands.h"
#include "common/edge/inspection.h"
#include "common/edge/layers.h"

namespace tributary::edge::program {

namespace {

using nlohmann::ordered_json;

// Empty, with the reason in `why`, for a model that cannot be run.
std::vector<LayerFacts> layers_or_why(const Path& file, std::string& why) {
  try {
    return layers_of(model::Graph::load(file));
  } catch (const Error& e) {
    why = e.what();
    return {};
  }
}

std::string with_layers(const std::string& json, const std::vector<LayerFacts>& layers) {
  ordered_json made = ordered_json::parse(json);
  ordered_json list = ordered_json::array();
  for (const LayerFacts& layer : layers)
    list.push_back({{"name", layer.name},
                    {"operator", layer.op},
                    {"shape", layer.shape},
                    {"parameters", layer.parameters},
                    {"bytes", layer.bytes},
                    {"multiply_adds", layer.multiply_adds}});
  made["layers"] = list;
  return made.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

int run(const options::Command& usage, const std::vector<std::string>& words) {
  const auto arguments = parse_or_help(usage, nullptr, words);
  if (!arguments) return 0;
  const Path file = arguments->positional.at(0);
  const Inspection found = inspect_file(file);
  std::string why;
  const auto layers = layers_or_why(file, why);
  if (arguments->has("json")) {
    print(with_layers(as_json(found), layers));
  } else {
    print(as_table(found) + "\n" + (why.empty() ? as_table(layers) : "layers cannot be shown: " + why + "\n"));
  }
  return 0;
}

}  // namespace

ModelCommand inspect_command() {
  options::Command usage;
  usage.name = "inspect";
  usage.summary =
      "shows operators, parameters and layers with shapes, bytes, zeros and multiply-adds, opset and digests of an "
      "ONNX file";
  usage.positional = {"FILE"};
  usage.options = {{.name = "json", .value = "", .help = "one JSON object instead of tables"}};
  usage.examples =
      "tributary-model inspect edge.onnx\n"
      "tributary-model inspect global.onnx --json\n";
  return {usage, run};
}

}  // namespace tributary::edge::program
