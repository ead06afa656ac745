#include <algorithm>
#include <charconv>
#include <fstream>
#include <iostream>

#include "common/base/error.h"
#include "common/learn/network.h"
#include "common/options/data_keys.h"
#include "participant/predictor/commands.h"
#include "participant/predictor/served_graph.h"

namespace tributary::predictor {

namespace {

constexpr std::size_t kExamplesAtATime = 64;

void append(std::string& line, float value) {
  char buffer[32];
  line.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

std::string header(std::size_t label_size, std::size_t outputs) {
  std::string line = "index";
  for (std::size_t j = 0; j < label_size; ++j) line += label_size == 1 ? ",label" : ",label_" + std::to_string(j);
  line += ",predicted";
  for (std::size_t j = 0; j < outputs; ++j) line += ",output_" + std::to_string(j);
  return line + "\n";
}

struct Tally {
  std::uint64_t examples = 0, right = 0;
};

// The rows of a part of the examples. "predicted" is the largest output's place, or the output where there is one.
void write_part(std::ostream& out, std::span<const std::uint32_t> indices, std::span<const float> labels,
                const learn::Network::Output& output, Tally& tally) {
  const std::size_t columns = output.values.size() / indices.size(), label_size = labels.size() / indices.size();
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const auto row = std::span(output.values).subspan(i * columns, columns);
    const auto largest = std::max_element(row.begin(), row.end()) - row.begin();
    std::string line = std::to_string(indices[i]);
    for (std::size_t j = 0; j < label_size; ++j) append(line += ',', labels[i * label_size + j]);
    append(line += ',', columns == 1 ? row[0] : static_cast<float>(largest));
    for (const float value : row) append(line += ',', value);
    out << line << '\n';
    ++tally.examples;
    if (static_cast<float>(largest) == labels[i * label_size]) ++tally.right;
  }
}

Tally predict_all(std::ostream& out, const model::Graph& graph, const data::View& view) {
  const auto network = learn::Network::compile(graph);
  const model::ParameterSet values = graph.parameters();
  Tally tally;
  const std::size_t width = view.dataset->feature_size(), label_size = view.dataset->label_size();
  for (std::size_t begin = 0; begin < view.indices.size(); begin += kExamplesAtATime) {
    const std::size_t count = std::min(kExamplesAtATime, view.indices.size() - begin);
    const auto indices = std::span(view.indices).subspan(begin, count);
    std::vector<float> features(count * width), labels(count * label_size);
    view.dataset->read(indices, features, labels);
    const auto output = network->predict(values, features, count);
    if (begin == 0) out << header(label_size, output.values.size() / count);
    write_part(out, indices, labels, output, tally);
  }
  return tally;
}

}  // namespace

options::Command predict_command() {
  options::Command command;
  command.name = "predict";
  command.summary = "writes a model's answers for a data set as CSV";
  command.positional = {"MODEL"};
  command.options = {{"out", "FILE", "where to; default: standard output"}};
  command.examples =
      "  tributary-participant predict runs/1/edge.onnx --data.images=t10k-images --data.labels=t10k-labels --out "
      "answers.csv";
  return command;
}

int predict(const options::Arguments& arguments, const options::Keys& keys, const data::DataSource& source) {
  if (!options::names_data(keys, "data"))
    fail(Error::Kind::Malformed, "no examples: give data.images and data.labels, or data.format=csv and data.file");
  const ServedFile served = load_served(arguments.positional.at(0));
  const data::View view = data::open(source);
  const std::string path = arguments.get("out");
  std::ofstream file;
  if (!path.empty()) {
    file.open(path);
    if (!file) fail(Error::Kind::Unavailable, "cannot write " + path);
  }
  std::ostream& out = path.empty() ? std::cout : file;
  const Tally tally = predict_all(out, served.graph, view);
  if (!out.flush()) fail(Error::Kind::Unavailable, "cannot write " + (path.empty() ? "standard output" : path));
  if (path.empty()) return 0;
  std::cout << tally.examples << " answers in " << path;
  if (view.dataset->classes() > 0)
    std::cout << ", " << 100.0 * static_cast<double>(tally.right) / static_cast<double>(tally.examples) << " % right";
  std::cout << "\n";
  return 0;
}

}  // namespace tributary::predictor
