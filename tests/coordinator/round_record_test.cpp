#include "coordinator/round_record.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "tests/coordinator/records.h"

namespace tributary::coordinator {
namespace {

using testing::some_record;

std::string keys_of(const nlohmann::ordered_json& object) {
  std::string keys;
  for (const auto& [key, value] : object.items()) keys += (keys.empty() ? "" : " ") + key;
  return keys;
}

std::string message_of(std::string_view line) {
  try {
    record_from_json(line, "rounds.jsonl, line 3");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::Malformed);
    return error.what();
  }
  return "no error";
}

TEST(RoundRecord, ReadsWhatItWrites) {
  const std::string line = to_json(some_record());
  const RoundRecord read = record_from_json(line, "rounds.jsonl");
  EXPECT_EQ(to_json(read), line);
  EXPECT_EQ(read.round, 7U);
  EXPECT_TRUE(read.published);
  EXPECT_EQ(read.refused, some_record().refused);
  EXPECT_EQ(read.bytes_up, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(read.edge->loss, 1.0 / 3);
  EXPECT_EQ(read.edge_digest, some_record().edge_digest);
  EXPECT_EQ(read.seconds.evaluate, 0.4);
  EXPECT_EQ(read.participant_peak_rss_bytes, 250'000'000U);
}

TEST(RoundRecord, KeysStandInOneOrder) {
  const auto json = nlohmann::ordered_json::parse(to_json(some_record()));
  EXPECT_EQ(keys_of(json),
            "round published selected accepted refused encodings clipped examples bytes_down bytes_up train_loss "
            "train_accuracy global "
            "edge student distilled edge_bytes edge_sparsity update_bytes model_digest edge_digest alphas seconds "
            "coordinator_rss_bytes "
            "participant_peak_rss_bytes");
  EXPECT_EQ(keys_of(json["seconds"]), "round train decode encode fold distil evaluate");
  EXPECT_EQ(keys_of(json["edge"]), "loss accuracy");
  EXPECT_EQ(json["model_digest"], some_record().model_digest.hex());
}

TEST(RoundRecord, WithoutAnEvaluationItsPlacesAreNull) {
  RoundRecord record = some_record();
  record.global.reset();
  record.edge.reset();
  record.refused.clear();
  const auto json = nlohmann::json::parse(to_json(record));
  EXPECT_TRUE(json["global"].is_null());
  EXPECT_TRUE(json["refused"].is_object());
  const RoundRecord read = record_from_json(to_json(record), "rounds.jsonl");
  EXPECT_FALSE(read.global);
  EXPECT_FALSE(read.edge);
  EXPECT_TRUE(read.refused.empty());
}

TEST(RoundRecord, ALossThatDivergedIsNull) {
  RoundRecord record = some_record();
  record.train_loss = std::numeric_limits<double>::infinity();
  record.global->loss = std::numeric_limits<double>::quiet_NaN();
  const RoundRecord read = record_from_json(to_json(record), "rounds.jsonl");
  EXPECT_TRUE(std::isnan(read.train_loss));
  EXPECT_TRUE(std::isnan(read.global->loss));
  EXPECT_EQ(read.global->accuracy, 0.91);
}

TEST(RoundRecord, ReasonsOfPeersCannotBreakTheLine) {
  RoundRecord record = some_record();
  record.refused = {{"declined: \"\n\r\x01", 1}, {"declined: \xff", 1}};
  const std::string line = to_json(record);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const RoundRecord read = record_from_json(line, "rounds.jsonl");
  EXPECT_EQ(read.refused.count("declined: \"\n\r\x01"), 1U);
  EXPECT_EQ(read.refused.count("declined: \xef\xbf\xbd"), 1U);
}

TEST(RoundRecord, LinesThatAreNoRecordAreRefusedWithTheirReason) {
  const std::string head = "rounds.jsonl, line 3: not the record of a round: ";
  const std::string line = to_json(some_record());
  EXPECT_EQ(message_of(""), head + "it does not read as JSON");
  EXPECT_EQ(message_of(line + "x"), head + "it does not read as JSON");
  EXPECT_EQ(message_of("[1]"), head + "it is no JSON object");
  EXPECT_EQ(message_of("{}"), head + "round is missing");
  for (std::size_t cut = 0; cut < line.size(); ++cut)
    ASSERT_EQ(message_of(std::string_view(line).substr(0, cut)), head + "it does not read as JSON") << cut;
}

TEST(RoundRecord, AFieldOfAnotherTypeIsNamed) {
  const std::string head = "rounds.jsonl, line 3: not the record of a round: ";
  const auto with = [](const char* pointer, const nlohmann::json& value) {
    auto json = nlohmann::json::parse(to_json(some_record()));
    json[nlohmann::json::json_pointer(pointer)] = value;
    return message_of(json.dump());
  };
  EXPECT_EQ(with("/round", -1), head + "round is no count");
  EXPECT_EQ(with("/round", 1.5), head + "round is no count");
  EXPECT_EQ(with("/published", 1), head + "published is neither true nor false");
  EXPECT_EQ(with("/refused", 3), head + "refused is no object");
  EXPECT_EQ(with("/refused/late", "many"), head + "refused.late is no count");
  EXPECT_EQ(with("/train_loss", "low"), head + "train_loss is no number");
  EXPECT_EQ(with("/global", 0.5), head + "global is no object");
  EXPECT_EQ(with("/edge", nlohmann::json::object()), head + "edge.loss is missing");
  EXPECT_EQ(with("/model_digest", "abc"), head + "model_digest is no digest");
  EXPECT_EQ(with("/model_digest", std::string(64, 'g')), head + "model_digest is no digest");
  EXPECT_EQ(with("/edge_digest", nullptr), head + "edge_digest is no digest");
  EXPECT_EQ(with("/seconds/fold", true), head + "seconds.fold is no number");
  EXPECT_EQ(with("/seconds", nullptr), head + "seconds is no object");
}

TEST(RoundRecord, EveryFieldIsNeeded) {
  const auto whole = nlohmann::ordered_json::parse(to_json(some_record()));
  for (const auto& [key, value] : whole.items()) {
    auto json = whole;
    json.erase(key);
    EXPECT_NE(message_of(json.dump()).find(key + " is missing"), std::string::npos) << key;
  }
}

}  // namespace
}  // namespace tributary::coordinator
