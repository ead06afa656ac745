#include "tests/learn/ort.h"

#include <cmath>
#include <cstdlib>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/files.h"
#include "tests/learn/cases.h"

namespace tributary::learn::testing {

namespace {

using model::DType;
using nlohmann::json;

Path directory() {
  const char* chosen = std::getenv("TRIBUTARY_ORT_DIR");
  return chosen != nullptr ? chosen : TRIBUTARY_ORT_DIR;
}

// A folder that goes when the object goes.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "tributary-ort-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) fail(Error::Kind::Unavailable, "no temporary folder");
    path_ = name;
  }
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const Path& path() const { return path_; }

 private:
  Path path_;
};

DType type_from(const std::string& name) {
  for (const DType type :
       {DType::Float32, DType::Float64, DType::Int64, DType::Int32, DType::Int8, DType::UInt8, DType::Bool})
    if (name_of(type) == name) return type;
  fail(Error::Kind::Unsupported, "ONNX Runtime gave a tensor of type " + name);
}

void write(const Path& path, ByteSpan bytes) {
  write_text_file(path, as_text(bytes));
}

json describe(const OrtCase& one, std::size_t index, const Path& folder) {
  const std::string stem = (folder / std::to_string(index)).string();
  write(stem + ".onnx", one.onnx);
  json inputs = json::array();
  for (std::size_t i = 0; i < one.inputs.size(); ++i) {
    const auto& [name, tensor] = one.inputs[i];
    const std::string file = stem + ".in" + std::to_string(i);
    write(file, tensor.data);
    inputs.push_back({{"name", name}, {"type", name_of(tensor.type)}, {"shape", tensor.shape}, {"file", file}});
  }
  return {{"model", stem + ".onnx"}, {"inputs", inputs}, {"outputs", stem + ".out"}};
}

OrtResult read_result(const json& described, const json& result) {
  if (result.contains("error")) return {{}, result["error"].get<std::string>()};
  OrtResult read;
  for (const auto& output : result["outputs"]) {
    const std::string file = described["outputs"].get<std::string>() + std::to_string(read.outputs.size()) + ".raw";
    read.outputs.push_back({type_from(output["type"]), output["shape"].get<Ints>(), read_file(file, 1u << 30)});
  }
  return read;
}

}  // namespace

std::string why_no_ort() {
  if (std::filesystem::exists(directory() / "node_modules/onnxruntime-node/package.json")) return "";
  return "ONNX Runtime is not in " + directory().string() + "; run scripts/install-onnxruntime " + directory().string();
}

std::vector<OrtResult> run_on_ort(const std::vector<OrtCase>& cases) {
  const ScratchFolder folder;
  json manifest = json::array();
  for (std::size_t i = 0; i < cases.size(); ++i) manifest.push_back(describe(cases[i], i, folder.path()));
  const Path file = folder.path() / "manifest.json";
  write_text_file(file, manifest.dump());
  const std::string command = "node '" TRIBUTARY_ORT_RUNNER "' '" + directory().string() + "' '" + file.string() + "'";
  if (std::system(command.c_str()) != 0) fail(Error::Kind::Unavailable, "ONNX Runtime's process failed: " + command);
  const json results = json::parse(read_text_file(file.string() + ".results"));
  std::vector<OrtResult> read;
  for (std::size_t i = 0; i < cases.size(); ++i) read.push_back(read_result(manifest[i], results.at(i)));
  return read;
}

std::string difference(const model::Tensor& ours, const model::Tensor& theirs, double tolerance) {
  if (ours.type != theirs.type)
    return "type " + std::string(name_of(ours.type)) + " for " + std::string(name_of(theirs.type));
  const auto text = [](const Ints& shape) {
    std::string all;
    for (const auto dimension : shape) all += (all.empty() ? "" : "x") + std::to_string(dimension);
    return "[" + all + "]";
  };
  if (ours.shape != theirs.shape) return "shape " + text(ours.shape) + " for " + text(theirs.shape);
  const model::Tensor left = as(DType::Float64, ours), right = as(DType::Float64, theirs);
  const auto a = left.as<double>(), b = right.as<double>();
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!(std::abs(a[i] - b[i]) <= tolerance * std::max(1.0, std::abs(b[i]))))
      return std::to_string(a[i]) + " for " + std::to_string(b[i]) + " at " + std::to_string(i);
  return "";
}

}  // namespace tributary::learn::testing
