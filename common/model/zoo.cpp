#include "common/model/zoo.h"

#include <algorithm>
#include <cmath>

#include "common/base/error.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/model/exits.h"

namespace tributary::model {

namespace {

// Adds layers one after the other; `value_` is the output of the last.
class Builder {
 public:
  Builder(std::string name, std::vector<std::int64_t> example_shape, std::uint64_t seed)
      : random_(seed, "initial weights") {
    graph_.name = std::move(name);
    example_shape.insert(example_shape.begin(), -1);
    graph_.inputs.push_back({"x", DType::Float32, std::move(example_shape)});
  }

  void dense(const std::string& name, std::int64_t in, std::int64_t out) {
    parameter(name + ".weight", {out, in}, in);
    parameter(name + ".bias", {out}, in);
    add("Gemm", name, {value_, name + ".weight", name + ".bias"}, {{"transB", std::int64_t{1}}});
  }
  void conv(const std::string& name, std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t pad) {
    parameter(name + ".weight", {out, in, kernel, kernel}, in * kernel * kernel);
    parameter(name + ".bias", {out}, in * kernel * kernel);
    add("Conv", name, {value_, name + ".weight", name + ".bias"},
        {{"kernel_shape", std::vector<std::int64_t>{kernel, kernel}},
         {"pads", std::vector<std::int64_t>{pad, pad, pad, pad}},
         {"strides", std::vector<std::int64_t>{1, 1}}});
  }
  void conv_without_bias(const std::string& name, std::int64_t in, std::int64_t out, std::int64_t kernel) {
    parameter(name + ".weight", {out, in, kernel, kernel}, in * kernel * kernel);
    const std::int64_t pad = kernel / 2;
    add("Conv", name, {value_, name + ".weight"},
        {{"kernel_shape", std::vector<std::int64_t>{kernel, kernel}},
         {"pads", std::vector<std::int64_t>{pad, pad, pad, pad}},
         {"strides", std::vector<std::int64_t>{1, 1}}});
  }
  void normalize(const std::string& name, std::int64_t channels) {
    const std::vector<float> ones(static_cast<std::size_t>(channels), 1.0F), zeros(ones.size());
    std::vector<std::string> inputs{value_};
    for (const auto& [part, values] :
         {std::pair{".weight", &ones}, {".bias", &zeros}, {".mean", &zeros}, {".variance", &ones}}) {
      inputs.push_back(name + part);
      graph_.initializers.emplace(inputs.back(), Tensor::floats({channels}, *values));
    }
    add("BatchNormalization", name, std::move(inputs), {});
  }
  void relu(const std::string& name) { add("Relu", name, {value_}, {}); }
  void halve(const std::string& name) {
    add("MaxPool", name, {value_},
        {{"kernel_shape", std::vector<std::int64_t>{2, 2}}, {"strides", std::vector<std::int64_t>{2, 2}}});
  }
  void flatten(const std::string& name) { add("Flatten", name, {value_}, {{"axis", std::int64_t{1}}}); }

  // The value that the layers behind build on; join() adds it to what they have made.
  std::string fork() const { return value_; }
  void join(const std::string& name, const std::string& forked) { add("Add", name, {forked, value_}, {}); }

  // A classifier on the present value, whose logits are an output called `name`; the value stays.
  void exit(const std::string& name, std::int64_t in, std::int64_t classes) {
    const std::string before = value_;
    dense(name + ".fc", in, classes);
    graph_.nodes.back().outputs = {name};
    graph_.outputs.push_back({name, DType::Float32, {-1, classes}});
    value_ = before;
  }
  Graph finish_exits() {
    add_ensemble(graph_);
    return std::move(graph_);
  }

  Graph finish(std::int64_t outputs) {
    graph_.nodes.back().outputs = {"logits"};
    graph_.outputs.push_back({"logits", DType::Float32, {-1, outputs}});
    return std::move(graph_);
  }

 private:
  void parameter(const std::string& name, std::vector<std::int64_t> shape, std::int64_t fan_in) {
    Tensor tensor{DType::Float32, std::move(shape), {}};
    const double bound = 1.0 / std::sqrt(static_cast<double>(fan_in));
    std::vector<float> values(tensor.elements());
    for (float& value : values) value = static_cast<float>((2 * random_.uniform() - 1) * bound);
    const ByteSpan raw = std::as_bytes(std::span(values));
    tensor.data.assign(raw.begin(), raw.end());
    graph_.initializers.emplace(name, std::move(tensor));
  }
  void add(const std::string& op, const std::string& name, std::vector<std::string> inputs,
           std::map<std::string, Attribute> attributes) {
    value_ = name + ".out";
    graph_.nodes.push_back({name, op, std::move(inputs), {value_}, std::move(attributes)});
  }

  Graph graph_;
  RandomStream random_;
  std::string value_ = "x";
};

Graph dense_chain(const std::string& name, const std::vector<std::int64_t>& sizes, std::uint64_t seed) {
  Builder builder(name, {sizes.front()}, seed);
  for (std::size_t i = 1; i < sizes.size(); ++i) {
    builder.dense("fc" + std::to_string(i), sizes[i - 1], sizes[i]);
    if (i + 1 < sizes.size()) builder.relu("relu" + std::to_string(i));
  }
  return builder.finish(sizes.back());
}

// Two 5x5 convolutions, each halved by pooling, then dense layers; on 28x28x1.
struct Convolutional {
  std::string name;
  std::int64_t first_channels, second_channels;
  std::int64_t padding;      // of each convolution, on each side
  std::int64_t pooled_side;  // of the picture after both poolings
  std::vector<std::int64_t> hidden;
  bool relu_after_convolutions;
};
const Convolutional kCnn{"cnn", 32, 64, 2, 7, {512}, true};
const Convolutional kLenet{"lenet", 20, 50, 0, 4, {500}, false};
const Convolutional kLenet5{"lenet5", 6, 16, 0, 4, {120, 84}, true};

Graph convolutional(const Convolutional& plan, std::uint64_t seed) {
  Builder builder(plan.name, {1, 28, 28}, seed);
  builder.conv("conv1", 1, plan.first_channels, 5, plan.padding);
  if (plan.relu_after_convolutions) builder.relu("relu1");
  builder.halve("pool1");
  builder.conv("conv2", plan.first_channels, plan.second_channels, 5, plan.padding);
  if (plan.relu_after_convolutions) builder.relu("relu2");
  builder.halve("pool2");
  builder.flatten("flatten");
  std::int64_t inputs = plan.second_channels * plan.pooled_side * plan.pooled_side;
  for (std::size_t i = 0; i < plan.hidden.size(); ++i) {
    builder.dense("fc" + std::to_string(i + 1), inputs, plan.hidden[i]);
    builder.relu("relu" + std::to_string(i + 3));
    inputs = plan.hidden[i];
  }
  builder.dense("fc" + std::to_string(plan.hidden.size() + 1), inputs, 10);
  return builder.finish(10);
}

[[noreturn]] void refuse(std::string_view specification, const std::string& why) {
  fail(Error::Kind::Malformed, "model '" + std::string(specification) + "' " + why);
}

std::vector<std::int64_t> parse_sizes(std::string_view specification, std::string_view sizes) {
  constexpr std::int64_t kWidest = 1 << 20, kMostParameters = 1 << 28;
  std::vector<std::int64_t> parsed;
  std::int64_t parameters = 0;
  for (const std::string_view part : split(sizes, '-')) {
    const auto size = parse_int(part);
    if (!size || *size < 1 || *size > kWidest) {
      refuse(specification, "has '" + std::string(part) +
                                "' where a layer size from 1 to 1048576 belongs; write for example mlp:784-100-10");
    }
    if (!parsed.empty()) parameters += (parsed.back() + 1) * *size;
    if (parameters > kMostParameters) refuse(specification, "has more than 268435456 parameters; make it smaller");
    parsed.push_back(*size);
  }
  if (parsed.size() < 2) refuse(specification, "needs an input and an output size, as in mlp:784-100-10");
  return parsed;
}

// The second number of "100x20", and the text of the first.
struct Repeated {
  std::string_view size;
  std::int64_t times = 0;
};

Repeated parse_repeated(std::string_view specification, std::string_view text, std::int64_t fewest,
                        const std::string& example) {
  constexpr std::int64_t kMost = 64;
  const auto cross = text.find('x');
  if (cross == std::string_view::npos) refuse(specification, "must be written as in " + example);
  const auto times = parse_int(text.substr(cross + 1));
  if (!times || *times < fewest || *times > kMost)
    refuse(specification, "has '" + std::string(text.substr(cross + 1)) + "' where a number of layers from " +
                              std::to_string(fewest) + " to " + std::to_string(kMost) + " belongs, as in " + example);
  return {text.substr(0, cross), *times};
}

// Widths of IN-UNITSxLAYERS-OUT, one for each layer.
std::vector<std::int64_t> parse_repeated_sizes(std::string_view specification, std::string_view sizes,
                                               std::int64_t fewest, const std::string& example) {
  const auto parts = split(sizes, '-');
  if (parts.size() != 3) refuse(specification, "must be written as in " + example);
  const Repeated hidden = parse_repeated(specification, parts[1], fewest, example);
  std::string chain(parts[0]);
  for (std::int64_t i = 0; i < hidden.times; ++i) chain.append("-").append(hidden.size);
  return parse_sizes(specification, chain.append("-").append(parts[2]));
}

Graph online_deep(const std::string& specification, std::string_view sizes, std::uint64_t seed) {
  const auto widths = parse_repeated_sizes(specification, sizes, 2, "odl:784-100x20-10");
  if (widths.back() < 2) refuse(specification, "needs at least 2 classes");
  Builder builder(specification, {widths.front()}, seed);
  for (std::size_t i = 1; i + 1 < widths.size(); ++i) {
    builder.dense("fc" + std::to_string(i), widths[i - 1], widths[i]);
    builder.relu("relu" + std::to_string(i));
    builder.exit("exit" + std::to_string(i), widths[i], widths.back());
  }
  return builder.finish_exits();
}

Graph residual_dense(const std::string& specification, std::string_view sizes, std::uint64_t seed) {
  const auto widths = parse_repeated_sizes(specification, sizes, 1, "resmlp:784-100x8-10");
  const std::int64_t units = widths[1];
  Builder builder(specification, {widths.front()}, seed);
  builder.dense("first", widths.front(), units);
  builder.relu("relu0");
  for (std::size_t i = 1; i + 1 < widths.size(); ++i) {
    const std::string number = std::to_string(i), before = builder.fork();
    builder.dense("block" + number, units, units);
    builder.relu("relu" + number);
    builder.join("add" + number, before);
  }
  builder.dense("last", units, widths.back());
  return builder.finish(widths.back());
}

Graph residual_convolutional(const std::string& specification, std::string_view text, std::uint64_t seed) {
  constexpr std::int64_t kClasses = 10, kPooledTwice = 7;
  const Repeated blocks = parse_repeated(specification, text, 1, "resnet:16x3");
  const auto channels = parse_int(blocks.size);
  if (!channels || *channels < 1 || *channels > 1024)
    refuse(specification, "has '" + std::string(blocks.size) + "' where a number of channels from 1 to 1024 belongs");
  Builder builder(specification, {1, 28, 28}, seed);
  builder.conv_without_bias("conv0", 1, *channels, 5);
  builder.normalize("norm0", *channels);
  builder.relu("relu0");
  builder.halve("pool0");
  for (std::int64_t i = 1; i <= blocks.times; ++i) {
    const std::string name = "block" + std::to_string(i), before = builder.fork();
    builder.conv_without_bias(name + ".conv1", *channels, *channels, 3);
    builder.normalize(name + ".norm1", *channels);
    builder.relu(name + ".relu1");
    builder.conv_without_bias(name + ".conv2", *channels, *channels, 3);
    builder.normalize(name + ".norm2", *channels);
    builder.join(name + ".add", before);
    builder.relu(name + ".relu2");
  }
  builder.halve("pool1");
  builder.flatten("flatten");
  builder.dense("last", *channels * kPooledTwice * kPooledTwice, kClasses);
  return builder.finish(kClasses);
}

}  // namespace

std::vector<std::string> zoo_names() {
  return {"linear",
          "2nn",
          "cnn",
          "lenet",
          "lenet5",
          "mlp:IN-H1-...-OUT",
          "resmlp:IN-UNITSxBLOCKS-OUT",
          "resnet:CHANNELSxBLOCKS",
          "odl:IN-UNITSxLAYERS-OUT"};
}

Graph make_zoo_model(std::string_view specification, std::uint64_t seed) {
  const std::size_t colon = specification.find(':');
  const std::string kind(specification.substr(0, colon));
  const bool sized = colon != std::string_view::npos;
  if (kind == "mlp" || (kind == "linear" && sized)) {
    const auto sizes = parse_sizes(specification, sized ? specification.substr(colon + 1) : "");
    if (kind == "linear" && sizes.size() != 2) refuse(specification, "must be linear:IN-OUT, as in linear:784-10");
    return dense_chain(std::string(specification), sizes, seed);
  }
  if (kind == "resmlp" && sized)
    return residual_dense(std::string(specification), specification.substr(colon + 1), seed);
  if (kind == "resnet" && sized)
    return residual_convolutional(std::string(specification), specification.substr(colon + 1), seed);
  if (kind == "odl" && sized) return online_deep(std::string(specification), specification.substr(colon + 1), seed);
  if (!sized && kind == "linear") return dense_chain("linear", {784, 10}, seed);
  if (!sized && kind == "2nn") return dense_chain("2nn", {784, 200, 200, 10}, seed);
  if (!sized && kind == "cnn") return convolutional(kCnn, seed);
  if (!sized && kind == "lenet") return convolutional(kLenet, seed);
  if (!sized && kind == "lenet5") return convolutional(kLenet5, seed);
  const std::vector<std::string> known{"linear", "2nn", "cnn", "lenet", "lenet5", "mlp", "resmlp", "resnet", "odl"};
  const auto meant = nearest(kind, known);
  fail(Error::Kind::Malformed,
       "unknown model '" + std::string(specification) + "'" +
           (meant ? "; did you mean '" + *meant + "'?"
                  : "; known: linear, 2nn, cnn, lenet, lenet5, mlp:IN-...-OUT, resmlp:IN-UNITSxBLOCKS-OUT, "
                    "resnet:CHANNELSxBLOCKS, odl:IN-UNITSxLAYERS-OUT, or a .onnx file"));
}

Graph load_or_make(std::string_view model, std::uint64_t seed, const GraphLimits& limits) {
  const Path path{std::string(model)};
  if (model.ends_with(".onnx") || RealFiles().exists(path)) return Graph::load(path, limits);
  return make_zoo_model(model, seed);
}

}  // namespace tributary::model
