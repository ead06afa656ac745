// coordinator/run_folder.h
//
// What a run leaves for people: rounds.jsonl (a line a round, as it happens), report.json, report.html, global.onnx,
// edge.onnx. One thread.
#pragma once

#include <string>
#include <vector>

#include "common/base/files.h"
#include "common/codec/edge_copy.h"
#include "common/model/graph.h"
#include "coordinator/report.h"
#include "coordinator/round_record.h"

namespace tributary::coordinator {

class RunFolder {
 public:
  // Makes the folder and an empty rounds.jsonl. Throws Refused when it holds a run already, Unavailable when it cannot
  // be written.
  static RunFolder create(Files& files, const Path& folder);

  // The folder of a run that goes on: rounds.jsonl is made again of these lines, each the record of a round. Throws
  // Unavailable.
  static RunFolder resume(Files& files, const Path& folder, const std::vector<std::string>& records);
  // Whether the folder holds a run's records.
  static bool holds_run(const Files& files, const Path& folder);

  const Path& path() const { return path_; }
  // On error nothing of the record is there after the next append().
  // Takes back what create() made, for a run that could not begin.
  void discard();
  void append(const RoundRecord& record);
  // Replaces global.onnx (`graph` with the values of `global`) and edge.onnx (common/edge/edge_graph.h). A reader sees
  // old or new, never half of a file. Throws what edge::edge_graph throws, before anything is written.
  // Gives each model's memory back as soon as it can.
  void write_models(model::Graph graph, model::ParameterSet global, codec::EdgeCopy edge);
  // Replaces edge.onnx alone, beside the other calls: any thread. `graph` may have no values.
  void write_edge(model::Graph graph, const codec::EdgeCopy& edge) const;
  // Replaces report.json and report.html.
  void write_report(const Report& report);

 private:
  RunFolder(Files& files, Path folder);
  Files* files_;
  Path path_;
  std::uint64_t record_bytes_ = 0;  // of the records that are whole
};

}  // namespace tributary::coordinator
