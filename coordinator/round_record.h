// coordinator/round_record.h
//
// What is kept of a round: one line of rounds.jsonl. Values without threads.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/digest.h"

namespace tributary::coordinator {

struct Quality {
  double loss = 0;
  double accuracy = 0;
};

struct PhaseSeconds {
  double round = 0;     // from the first offer to the new edge copy
  double train = 0;     // median of the participants' own figures
  double decode = 0;    // the same
  double encode = 0;    // of the edge copy
  double fold = 0;      // checks and sums, all updates
  double distil = 0;    // of the cohort's models
  double evaluate = 0;  // beside the next round
};

struct RoundRecord {
  std::uint64_t round = 0;  // 1 is the first
  bool published = false;   // false: aborted, the model is unchanged
  std::uint64_t selected = 0, accepted = 0;
  std::map<std::string, std::uint64_t> refused;    // reason -> count
  std::map<std::string, std::uint64_t> encodings;  // of the accepted: how they are written -> count
  std::uint64_t clipped = 0;                       // of the accepted: scaled down to update.clip_norm
  std::uint64_t examples = 0;
  std::uint64_t bytes_down = 0, bytes_up = 0;  // on the wire, all participants
  double train_loss = 0, train_accuracy = 0;   // weighted by examples; before each local step
  std::optional<Quality> global, edge;         // on held-out data, when evaluated
  std::optional<Quality> student;              // the edge student's, when it learnt in this round
  bool distilled = false;                      // the global model learnt from the cohort's models together
  std::uint64_t edge_bytes = 0;                // of the copy that this round made
  std::uint64_t update_bytes = 0;              // mean of the accepted
  double edge_sparsity = 0;
  Digest model_digest, edge_digest;
  std::vector<double> alphas;  // of the model's exits, shallowest first; empty for a model of one exit
  PhaseSeconds seconds;
  std::uint64_t coordinator_rss_bytes = 0;
  std::uint64_t participant_peak_rss_bytes = 0;  // largest reported so far
};

// One JSON object on one line, without a line break. Keys as the fields; digests in hexadecimal; `global`, `edge`
// and `student` null when not evaluated.
std::string to_json(const RoundRecord& record);
// Throws Malformed naming `source`.
RoundRecord record_from_json(std::string_view line, std::string_view source);

}  // namespace tributary::coordinator
