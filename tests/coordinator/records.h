// tests/coordinator/records.h
//
// A record of a round in which no two fields are alike.
#pragma once

#include "coordinator/round_record.h"

namespace tributary::coordinator::testing {

inline RoundRecord some_record(std::uint64_t round = 7) {
  RoundRecord r;
  r.round = round;
  r.published = true;
  r.selected = 12;
  r.accepted = 9;
  r.refused = {{"declined: no examples", 1}, {"vanished", 2}};
  r.encodings = {{"int8", 1}, {"ternary:0.05", 8}};
  r.clipped = 3;
  r.examples = 5400;
  r.bytes_down = 1'000'001;
  r.bytes_up = 18'446'744'073'709'551'615U;
  r.train_loss = 0.1;
  r.train_accuracy = 0.875;
  r.global = Quality{0.3, 0.91};
  r.edge = Quality{1.0 / 3, 0.9};
  r.student = Quality{0.5, 0.8};
  r.distilled = true;
  r.edge_bytes = 27'300;
  r.update_bytes = 199'500;
  r.edge_sparsity = 0.5;
  r.model_digest = sha256(as_bytes("model"));
  r.edge_digest = sha256(as_bytes("edge"));
  r.alphas = {0.25, 0.75};
  r.seconds = {
      .round = 3.5, .train = 2.25, .decode = 0.001, .encode = 0.02, .fold = 0.03, .distil = 0.25, .evaluate = 0.4};
  r.coordinator_rss_bytes = 60'000'000;
  r.participant_peak_rss_bytes = 250'000'000;
  return r;
}

}  // namespace tributary::coordinator::testing
