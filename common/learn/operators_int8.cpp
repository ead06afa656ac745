// Int8Conv, Int8Dense and Int8MaxPool (int8_fusion.h), on oneDNN. Pictures lie with their channels innermost.
//
// What is computed for output channel c, in integers but for the last product:
//   sum over the window of (x - x_zero) w = sum of x w - x_zero * (sum of w)
// Where x_zero is not 0 the picture is padded with it first, so that every window is whole and the second term is the
// same everywhere: it becomes part of the bias.
//
// A kernel keeps its packed weights, and a primitive for each shape that it has met: it belongs to one thread at a
// time, as the network that it is part of.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <optional>

#include <dnnl.hpp>

#include "common/learn/int8_fusion.h"
#include "common/learn/operators.h"

namespace tributary::learn {

namespace {

using dnnl::memory;
using Dims = std::vector<std::int64_t>;

const dnnl::engine& cpu() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

// oneDNN's complaint as ours.
template <class Body>
auto translated(const std::string& name, Body body) {
  try {
    return body();
  } catch (const dnnl::error& e) {
    fail(e.status == dnnl_out_of_memory ? Error::Kind::Overloaded : Error::Kind::Malformed, name + ": " + e.what());
  }
}

memory over(const memory::desc& description, const at::Tensor& tensor) {
  return memory(description, cpu(), tensor.data_ptr());
}

template <class T>
memory copied(const memory::desc& description, const std::vector<T>& values) {
  memory made(description, cpu());
  TRIBUTARY_CHECK(made.get_desc().get_size() == values.size() * sizeof(T));
  std::memcpy(made.get_data_handle(), values.data(), values.size() * sizeof(T));
  return made;
}

// Levels of an activation; `scale` 0 where there are none.
struct Levels {
  float scale = 0;
  std::int32_t zero = 0;
};

// What Int8Conv and Int8Dense have in common: everything but the geometry.
struct Product {
  std::string name;
  model::Tensor weight;
  std::vector<float> scales;  // one for each output channel
  std::vector<float> bias;    // one for each output channel
  std::vector<double> sums;   // of each output channel's weights
  Levels x, y;                // y.scale 0: gives float32
  bool relu = false, dynamic = false;

  std::size_t channels() const { return bias.size(); }
  bool gives_levels() const { return y.scale != 0; }
  memory::data_type type() const { return gives_levels() ? memory::data_type::u8 : memory::data_type::f32; }
};

Product product_of(const model::Node& node, std::int64_t channels, std::int64_t stride) {
  Product made;
  made.name = label(node);
  made.weight = std::get<model::Tensor>(*node.find("weight"));
  made.scales = std::get<std::vector<float>>(*node.find("weight_scales"));
  made.scales.resize(static_cast<std::size_t>(channels), made.scales.front());
  if (const auto* bias = node.find("bias")) made.bias = std::get<std::vector<float>>(*bias);
  made.bias.resize(static_cast<std::size_t>(channels));
  made.x = {node.real("x_scale", 0), static_cast<std::int32_t>(node.integer("x_zero", 0))};
  made.y = {node.real("y_scale", 0), static_cast<std::int32_t>(node.integer("y_zero", 0))};
  made.relu = node.integer("relu", 0) != 0;
  made.dynamic = node.integer("dynamic", 0) != 0;
  made.sums.resize(static_cast<std::size_t>(channels));
  const auto values = made.weight.as<std::int8_t>();
  for (std::size_t i = 0; i < values.size(); ++i)
    made.sums[i / static_cast<std::size_t>(stride) % made.sums.size()] += values[i];
  return made;
}

// result = ratio * (sum + bias), then ReLU, then the zero level. Without ReLU that one is part of the bias. A dynamic
// product leaves everything but the weight's scale to finish_dynamic().
struct Epilogue {
  std::vector<float> ratio, bias;
  dnnl::primitive_attr attributes;
};

Epilogue epilogue_of(const Product& p) {
  Epilogue made;
  for (std::size_t c = 0; c < p.channels(); ++c) {
    const double sum_scale = double{p.scales[c]} * (p.dynamic ? 1 : p.x.scale);
    const double out = p.gives_levels() ? p.y.scale : 1;
    double bias = 0;
    if (!p.dynamic) bias = p.bias[c] / sum_scale - p.x.zero * p.sums[c];
    if (p.gives_levels() && !p.relu) bias += p.y.zero * out / sum_scale;
    made.ratio.push_back(static_cast<float>(sum_scale / out));
    made.bias.push_back(static_cast<float>(bias));
  }
  made.attributes.set_output_scales(1 << 1, made.ratio);
  dnnl::post_ops after;
  if (p.relu && !p.dynamic) {
    after.append_eltwise(1.0F, dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
    if (p.gives_levels() && p.y.zero != 0)
      after.append_eltwise(1.0F, dnnl::algorithm::eltwise_linear, 1.0F, static_cast<float>(p.y.zero));
  }
  made.attributes.set_post_ops(after);
  return made;
}

// Rows of output channels, from weight-scaled sums to values.
void finish_dynamic(const Product& p, const Levels& x, const at::Tensor& bias, at::Tensor& y) {
  const std::size_t channels = p.channels();
  std::vector<float> offset(channels);
  const at::Tensor shift = bias.defined() ? bias.contiguous() : at::zeros({static_cast<std::int64_t>(channels)});
  const float* shifts = shift.data_ptr<float>();
  for (std::size_t c = 0; c < channels; ++c)
    offset[c] = static_cast<float>(double{shifts[c]} - double{x.scale} * p.scales[c] * x.zero * p.sums[c]);
  float* row = y.data_ptr<float>();
  const float* end = row + y.numel();
  const float least = p.relu ? 0.0F : -std::numeric_limits<float>::infinity();
  for (; row != end; row += channels)
    for (std::size_t c = 0; c < channels; ++c) row[c] = std::max(least, row[c] * x.scale + offset[c]);
}

// A primitive, its packed weights and where its data go.
struct Prepared {
  dnnl::primitive primitive;
  memory::desc x, y;
  memory weight, bias;

  void run(const at::Tensor& from, at::Tensor& to) const {
    dnnl::stream stream(cpu());
    primitive.execute(stream, {{DNNL_ARG_SRC, over(x, from)},
                               {DNNL_ARG_WEIGHTS, weight},
                               {DNNL_ARG_BIAS, bias},
                               {DNNL_ARG_DST, over(y, to)}});
    stream.wait();
  }
};

memory packed(memory plain, const memory::desc& wanted) {
  if (plain.get_desc() == wanted) return plain;
  memory made(wanted, cpu());
  dnnl::stream stream(cpu());
  dnnl::reorder(plain, made).execute(stream, plain, made);
  stream.wait();
  return made;
}

memory weights_in(const model::Tensor& weight, const Dims& dims, memory::format_tag tag) {
  memory made(memory::desc(dims, memory::data_type::s8, tag), cpu());
  std::memcpy(made.get_data_handle(), weight.data.data(), weight.data.size());
  return made;
}

// A quantised view of the input: uint8, and its levels.
struct Quantized {
  at::Tensor values;
  Levels levels;
};

Quantized quantized(const Product& p, const at::Tensor& x) {
  if (!p.dynamic) return {x, p.x};
  const at::Tensor floats = x.to(at::kFloat);
  const auto [least, most] = at::aminmax(floats);
  const float low = std::min(0.0F, least.item().toFloat()), high = std::max(0.0F, most.item().toFloat());
  const float scale = high == low ? 1.0F : (high - low) / 255.0F;
  const float zero = std::clamp(std::nearbyint(-low / scale), 0.0F, 255.0F);
  return {quantize_to_bytes(floats, scale, zero), {scale, static_cast<std::int32_t>(zero)}};
}

class Dense {
 public:
  explicit Dense(const model::Node& node) : p_(product(node)), plain_(weights()) {}

  at::Tensor run(const at::Tensor& given, const at::Tensor& bias) {
    if (given.dim() < 1 || given.size(-1) != inputs())
      fail(Error::Kind::Malformed, p_.name + ": its input and weight do not fit each other");
    Dims shape = given.sizes().vec();
    shape.back() = static_cast<std::int64_t>(p_.channels());
    const Quantized x = quantized(p_, given.reshape({-1, inputs()}).contiguous());
    at::Tensor y = at::empty({x.values.size(0), shape.back()}, p_.gives_levels() ? at::kByte : at::kFloat);
    translated(p_.name, [&] { prepared(x.values.size(0)).run(x.values, y); });
    if (p_.dynamic) finish_dynamic(p_, x.levels, bias, y);
    return y.reshape(shape);
  }

 private:
  static Product product(const model::Node& node) {
    const auto& weight = std::get<model::Tensor>(*node.find("weight"));
    return product_of(node, weight.shape.at(1), 1);
  }
  std::int64_t inputs() const { return p_.weight.shape[0]; }

  // oneDNN's order: outputs, inputs; ours lies inputs first.
  memory weights() const {
    return weights_in(p_.weight, {static_cast<std::int64_t>(p_.channels()), inputs()}, memory::format_tag::ba);
  }

  const Prepared& prepared(std::int64_t rows) {
    const auto found = prepared_.find(rows);
    if (found != prepared_.end()) return found->second;
    const auto outputs = static_cast<std::int64_t>(p_.channels());
    const Epilogue end = epilogue_of(p_);
    const memory::desc bias({outputs}, memory::data_type::f32, memory::format_tag::a);
    const dnnl::inner_product_forward::primitive_desc description(
        {dnnl::prop_kind::forward_inference,
         {{rows, inputs()}, memory::data_type::u8, memory::format_tag::ab},
         {{outputs, inputs()}, memory::data_type::s8, memory::format_tag::any},
         bias,
         {{rows, outputs}, p_.type(), memory::format_tag::ab}},
        end.attributes, cpu());
    Prepared made{dnnl::inner_product_forward(description), description.src_desc(), description.dst_desc(),
                  packed(plain_, description.weights_desc()), copied(bias, end.bias)};
    for (const auto& [count, other] : prepared_)
      if (other.weight.get_desc() == made.weight.get_desc()) made.weight = other.weight;
    return prepared_.emplace(rows, std::move(made)).first->second;
  }

  Product p_;
  memory plain_;
  std::map<std::int64_t, Prepared> prepared_;  // by rows
};

struct Geometry {
  std::int64_t stride_y = 1, stride_x = 1, dilation_y = 1, dilation_x = 1, groups = 1;
  std::int64_t top = 0, left = 0, bottom = 0, right = 0;
};

Geometry geometry_of(const model::Node& node) {
  const Dims strides = node.integers("strides", {1, 1}), dilations = node.integers("dilations", {1, 1});
  const Dims pads = node.integers("pads", {0, 0, 0, 0});
  if (strides.size() != 2 || dilations.size() != 2 || pads.size() != 4)
    malformed(node, "an attribute does not fit its rank");
  const auto in_range = [](const Dims& list, std::int64_t least) {
    return std::all_of(list.begin(), list.end(), [&](std::int64_t v) { return v >= least && v <= (1 << 24); });
  };
  if (!in_range(strides, 1) || !in_range(dilations, 1) || !in_range(pads, 0))
    malformed(node, "an attribute is out of range");
  return {strides[0], strides[1], dilations[0], dilations[1], node.integer("group", 1),
          pads[0],    pads[1],    pads[2],      pads[3]};
}

std::int64_t places(std::int64_t length, std::int64_t window, std::int64_t stride, const std::string& name) {
  if (length < window) fail(Error::Kind::Malformed, name + ": its window is larger than its input");
  return (length - window) / stride + 1;
}

class Convolution {
 public:
  explicit Convolution(const model::Node& node) : p_(product(node)), g_(geometry_of(node)), plain_(weights()) {}

  at::Tensor run(const at::Tensor& given, const at::Tensor& bias) {
    const auto& shape = p_.weight.shape;
    if (given.dim() != 4 || given.size(1) != shape[1] * g_.groups ||
        shape[0] % std::max<std::int64_t>(g_.groups, 1) != 0)
      fail(Error::Kind::Malformed, p_.name + ": its input and weight do not fit each other");
    Quantized x = quantized(p_, given.contiguous(at::MemoryFormat::ChannelsLast));
    Geometry now = g_;
    if (x.levels.zero != 0) x.values = padded(x.values, x.levels.zero, now);
    const std::int64_t height =
        places(x.values.size(2) + now.top + now.bottom, (shape[2] - 1) * g_.dilation_y + 1, g_.stride_y, p_.name);
    const std::int64_t width =
        places(x.values.size(3) + now.left + now.right, (shape[3] - 1) * g_.dilation_x + 1, g_.stride_x, p_.name);
    at::Tensor y =
        at::empty({x.values.size(0), shape[0], height, width},
                  at::TensorOptions(p_.gives_levels() ? at::kByte : at::kFloat), at::MemoryFormat::ChannelsLast);
    translated(p_.name, [&] { prepared(x.values.sizes().vec(), y.sizes().vec(), now).run(x.values, y); });
    if (p_.dynamic) finish_dynamic(p_, x.levels, bias, y);
    return y;
  }

 private:
  static Product product(const model::Node& node) {
    const auto& weight = std::get<model::Tensor>(*node.find("weight"));
    const auto channels = weight.shape.at(0);
    return product_of(node, channels, static_cast<std::int64_t>(weight.elements()) / channels);
  }

  // The picture with a frame of the zero level around it; `now` then pads no more.
  static at::Tensor padded(const at::Tensor& x, std::int32_t zero, Geometry& now) {
    if (now.top + now.bottom + now.left + now.right == 0) return x;
    at::Tensor made =
        at::empty({x.size(0), x.size(1), x.size(2) + now.top + now.bottom, x.size(3) + now.left + now.right},
                  at::TensorOptions(at::kByte), at::MemoryFormat::ChannelsLast);
    made.fill_(zero);
    made.slice(2, now.top, now.top + x.size(2)).slice(3, now.left, now.left + x.size(3)).copy_(x);
    now.top = now.bottom = now.left = now.right = 0;
    return made;
  }

  Dims weight_dims() const {
    const auto& s = p_.weight.shape;
    if (g_.groups == 1) return s;
    return {g_.groups, s[0] / g_.groups, s[1], s[2], s[3]};
  }
  memory weights() const {
    return weights_in(p_.weight, weight_dims(), g_.groups == 1 ? memory::format_tag::abcd : memory::format_tag::abcde);
  }

  const Prepared& prepared(const Dims& x, const Dims& y, const Geometry& now) {
    Dims key = x;
    key.push_back(now.top + now.left + now.bottom + now.right);
    const auto found = prepared_.find(key);
    if (found != prepared_.end()) return found->second;
    const Epilogue end = epilogue_of(p_);
    const memory::desc bias({y[1]}, memory::data_type::f32, memory::format_tag::a);
    const dnnl::convolution_forward::primitive_desc description(
        {dnnl::prop_kind::forward_inference,
         dnnl::algorithm::convolution_direct,
         {x, memory::data_type::u8, memory::format_tag::acdb},
         {weight_dims(), memory::data_type::s8, memory::format_tag::any},
         bias,
         {y, p_.type(), memory::format_tag::acdb},
         {now.stride_y, now.stride_x},
         {now.dilation_y - 1, now.dilation_x - 1},
         {now.top, now.left},
         {now.bottom, now.right}},
        end.attributes, cpu());
    Prepared made{dnnl::convolution_forward(description), description.src_desc(), description.dst_desc(),
                  packed(plain_, description.weights_desc()), copied(bias, end.bias)};
    for (const auto& [shape, other] : prepared_)
      if (other.weight.get_desc() == made.weight.get_desc()) made.weight = other.weight;
    return prepared_.emplace(std::move(key), std::move(made)).first->second;
  }

  Product p_;
  Geometry g_;
  memory plain_;
  std::map<Dims, Prepared> prepared_;  // by the input's shape and whether the primitive pads
};

class MaxPool {
 public:
  explicit MaxPool(const model::Node& node)
      : name_(label(node)), kernel_(node.integers("kernel_shape", {})), g_(geometry_of(node)) {
    if (kernel_.size() != 2 || kernel_[0] < 1 || kernel_[1] < 1) malformed(node, "kernel_shape does not fit its rank");
    if (g_.top >= kernel_[0] || g_.bottom >= kernel_[0] || g_.left >= kernel_[1] || g_.right >= kernel_[1])
      malformed(node, "its padding is as large as its window");
  }

  at::Tensor run(const at::Tensor& given, const at::Tensor&) {
    if (given.dim() != 4) fail(Error::Kind::Malformed, name_ + ": its input's rank does not fit kernel_shape");
    const at::Tensor x = given.contiguous(at::MemoryFormat::ChannelsLast);
    const std::int64_t height = places(x.size(2) + g_.top + g_.bottom, kernel_[0], g_.stride_y, name_);
    const std::int64_t width = places(x.size(3) + g_.left + g_.right, kernel_[1], g_.stride_x, name_);
    at::Tensor y =
        at::empty({x.size(0), x.size(1), height, width}, at::TensorOptions(at::kByte), at::MemoryFormat::ChannelsLast);
    translated(name_, [&] {
      const Prepared& ready = prepared(x.sizes().vec(), y.sizes().vec());
      dnnl::stream stream(cpu());
      ready.primitive.execute(stream, {{DNNL_ARG_SRC, over(ready.x, x)}, {DNNL_ARG_DST, over(ready.y, y)}});
      stream.wait();
    });
    return y;
  }

 private:
  const Prepared& prepared(const Dims& x, const Dims& y) {
    const auto found = prepared_.find(x);
    if (found != prepared_.end()) return found->second;
    const dnnl::pooling_forward::primitive_desc description({dnnl::prop_kind::forward_inference,
                                                             dnnl::algorithm::pooling_max,
                                                             {x, memory::data_type::u8, memory::format_tag::acdb},
                                                             {y, memory::data_type::u8, memory::format_tag::acdb},
                                                             {g_.stride_y, g_.stride_x},
                                                             kernel_,
                                                             {g_.top, g_.left},
                                                             {g_.bottom, g_.right}},
                                                            cpu());
    return prepared_
        .emplace(x,
                 Prepared{dnnl::pooling_forward(description), description.src_desc(), description.dst_desc(), {}, {}})
        .first->second;
  }

  std::string name_;
  Dims kernel_;
  Geometry g_;
  std::map<Dims, Prepared> prepared_;  // by the input's shape
};

template <class Layer>
Kernel make(const Setup& setup) {
  auto layer = translated(label(setup.node), [&] { return std::make_shared<Layer>(setup.node); });
  return [layer, name = label(setup.node)](const Call& call) -> Outputs {
    if (call.run().training)
      fail(Error::Kind::Unsupported, "unsupported: " + name + ": integers cannot be trained; train the float32 model");
    return {layer->run(call[0], call[1])};
  };
}

}  // namespace

bool runs_int8() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::avx2_vnni:
    case dnnl::cpu_isa::avx512_core_vnni:
    case dnnl::cpu_isa::avx512_core_bf16:
    case dnnl::cpu_isa::avx512_core_amx:
      return true;
    default:
      return false;
  }
}

void add_int8(OperatorTable& table) {
  table.insert({{kInt8Conv, make<Convolution>}, {kInt8Dense, make<Dense>}, {kInt8MaxPool, make<MaxPool>}});
}

}  // namespace tributary::learn
