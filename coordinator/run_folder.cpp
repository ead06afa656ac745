#include "coordinator/run_folder.h"

#include "common/base/error.h"
#include "common/edge/edge_graph.h"

namespace tributary::coordinator {

namespace {

constexpr const char* kRecords = "rounds.jsonl";

}  // namespace

RunFolder::RunFolder(Files& files, Path folder) : files_(&files), path_(std::move(folder)) {}

RunFolder RunFolder::create(Files& files, const Path& folder) {
  if (holds_run(files, folder)) {
    fail(Error::Kind::Refused, folder.string() + " holds a run already; choose another folder or move it away");
  }
  files.make_directories(folder);
  files.create(folder / kRecords);
  return {files, folder};
}

RunFolder RunFolder::resume(Files& files, const Path& folder, const std::vector<std::string>& records) {
  std::string text;
  for (const std::string& record : records) text += record + "\n";
  write_atomically(files, folder / kRecords, as_bytes(text), Durability::Buffered);
  RunFolder run(files, folder);
  run.record_bytes_ = text.size();
  return run;
}

bool RunFolder::holds_run(const Files& files, const Path& folder) {
  return files.exists(folder / kRecords);
}

void RunFolder::discard() {
  files_->remove(path_ / kRecords);
  std::error_code ignored;  // a folder that holds something else stays
  std::filesystem::remove(path_, ignored);
}

void RunFolder::append(const RoundRecord& record) {
  const std::string line = to_json(record) + "\n";
  const auto file = files_->open(path_ / kRecords);
  // What an append that failed half-way has left.
  if (file->size() != record_bytes_) file->truncate(record_bytes_);
  file->write_at(record_bytes_, as_bytes(line));
  record_bytes_ += line.size();
}

void RunFolder::write_edge(model::Graph graph, const codec::EdgeCopy& edge) const {
  graph.set_parameters(edge.values);
  write_atomically(*files_, path_ / "edge.onnx", edge::edge_graph(graph, edge).serialize());
}

void RunFolder::write_models(model::Graph graph, model::ParameterSet global, codec::EdgeCopy edge) {
  graph.set_parameters(global);
  global = model::ParameterSet();
  edge.blob = Bytes();
  const Bytes edge_onnx = edge::edge_graph(graph, edge).serialize();
  edge = codec::EdgeCopy();
  const Bytes global_onnx = graph.serialize();
  write_atomically(*files_, path_ / "global.onnx", global_onnx);
  write_atomically(*files_, path_ / "edge.onnx", edge_onnx);
}

}  // namespace tributary::coordinator
