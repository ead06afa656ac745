#include "coordinator/round_record.h"

#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "common/base/error.h"

namespace tributary::coordinator {

namespace {

using Json = nlohmann::ordered_json;

// JSON has no infinity and no NaN, which the loss of a model that diverged is: null.
Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json json_of(const std::optional<Quality>& quality) {
  if (!quality) return nullptr;
  return {{"loss", number(quality->loss)}, {"accuracy", number(quality->accuracy)}};
}

Json json_of(const PhaseSeconds& s) {
  return {{"round", number(s.round)},      {"train", number(s.train)}, {"decode", number(s.decode)},
          {"encode", number(s.encode)},    {"fold", number(s.fold)},   {"distil", number(s.distil)},
          {"evaluate", number(s.evaluate)}};
}

// The fields of one JSON object; what is missing or of another type is named.
class Fields {
 public:
  Fields(const Json& object, std::string name, std::string_view source)
      : object_(object), name_(std::move(name)), source_(source) {
    if (!object_.is_object()) refuse(name_.empty() ? "it is no JSON object" : name_ + " is no object");
  }

  bool flag(const char* key) const {
    const Json& value = at(key);
    if (!value.is_boolean()) refuse(full(key) + " is neither true nor false");
    return value.get<bool>();
  }
  std::uint64_t count(const char* key) const {
    const Json& value = at(key);
    if (!value.is_number_unsigned()) refuse(full(key) + " is no count");
    return value.get<std::uint64_t>();
  }
  double real(const char* key) const {
    const Json& value = at(key);
    if (value.is_null()) return std::numeric_limits<double>::quiet_NaN();
    if (!value.is_number()) refuse(full(key) + " is no number");
    return value.get<double>();
  }
  Digest digest(const char* key) const {
    const Json& value = at(key);
    if (!value.is_string()) refuse(full(key) + " is no digest");
    const auto& text = value.get_ref<const std::string&>();
    if (text.size() != 64 || text.find_first_not_of("0123456789abcdef") != std::string::npos) {
      refuse(full(key) + " is no digest");
    }
    return Digest::from_hex(text);
  }
  Fields object(const char* key) const { return {at(key), full(key), source_}; }
  std::map<std::string, std::uint64_t> counts(const char* key) const {
    const Fields inner = object(key);
    std::map<std::string, std::uint64_t> counts;
    for (const auto& [name, value] : inner.object_.items()) counts[name] = inner.count(name.c_str());
    return counts;
  }
  std::vector<double> reals(const char* key) const {
    const Json& list = at(key);
    if (!list.is_array()) refuse(full(key) + " is no list");
    std::vector<double> values;
    for (const Json& value : list) {
      if (!value.is_number()) refuse(full(key) + " holds what is no number");
      values.push_back(value.get<double>());
    }
    return values;
  }
  std::optional<Quality> quality(const char* key) const {
    if (at(key).is_null()) return std::nullopt;
    const Fields inner = object(key);
    return Quality{inner.real("loss"), inner.real("accuracy")};
  }

 private:
  const Json& at(const char* key) const {
    const auto found = object_.find(key);
    if (found == object_.end()) refuse(full(key) + " is missing");
    return *found;
  }
  std::string full(const char* key) const { return name_.empty() ? key : name_ + "." + key; }
  [[noreturn]] void refuse(const std::string& why) const {
    fail(Error::Kind::Malformed, std::string(source_) + ": not the record of a round: " + why);
  }

  const Json& object_;
  std::string name_;
  std::string_view source_;
};

PhaseSeconds phases_of(const Fields& fields) {
  PhaseSeconds s;
  s.round = fields.real("round");
  s.train = fields.real("train");
  s.decode = fields.real("decode");
  s.encode = fields.real("encode");
  s.fold = fields.real("fold");
  s.distil = fields.real("distil");
  s.evaluate = fields.real("evaluate");
  return s;
}

}  // namespace

std::string to_json(const RoundRecord& r) {
  const Json json = {
      {"round", r.round},
      {"published", r.published},
      {"selected", r.selected},
      {"accepted", r.accepted},
      {"refused", r.refused},
      {"encodings", r.encodings},
      {"clipped", r.clipped},
      {"examples", r.examples},
      {"bytes_down", r.bytes_down},
      {"bytes_up", r.bytes_up},
      {"train_loss", number(r.train_loss)},
      {"train_accuracy", number(r.train_accuracy)},
      {"global", json_of(r.global)},
      {"edge", json_of(r.edge)},
      {"student", json_of(r.student)},
      {"distilled", r.distilled},
      {"edge_bytes", r.edge_bytes},
      {"edge_sparsity", number(r.edge_sparsity)},
      {"update_bytes", r.update_bytes},
      {"model_digest", r.model_digest.hex()},
      {"edge_digest", r.edge_digest.hex()},
      {"alphas", r.alphas},
      {"seconds", json_of(r.seconds)},
      {"coordinator_rss_bytes", r.coordinator_rss_bytes},
      {"participant_peak_rss_bytes", r.participant_peak_rss_bytes},
  };
  // Reasons come from peers: what is not UTF-8 is replaced, never a reason to stop.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

RoundRecord record_from_json(std::string_view line, std::string_view source) {
  const Json json = Json::parse(line, nullptr, false);
  if (json.is_discarded()) {
    fail(Error::Kind::Malformed, std::string(source) + ": not the record of a round: it does not read as JSON");
  }
  const Fields fields(json, "", source);
  RoundRecord r;
  r.round = fields.count("round");
  r.published = fields.flag("published");
  r.selected = fields.count("selected");
  r.accepted = fields.count("accepted");
  r.refused = fields.counts("refused");
  r.encodings = fields.counts("encodings");
  r.clipped = fields.count("clipped");
  r.examples = fields.count("examples");
  r.bytes_down = fields.count("bytes_down");
  r.bytes_up = fields.count("bytes_up");
  r.train_loss = fields.real("train_loss");
  r.train_accuracy = fields.real("train_accuracy");
  r.global = fields.quality("global");
  r.edge = fields.quality("edge");
  r.student = fields.quality("student");
  r.distilled = fields.flag("distilled");
  r.edge_bytes = fields.count("edge_bytes");
  r.edge_sparsity = fields.real("edge_sparsity");
  r.update_bytes = fields.count("update_bytes");
  r.model_digest = fields.digest("model_digest");
  r.edge_digest = fields.digest("edge_digest");
  r.alphas = fields.reals("alphas");
  r.seconds = phases_of(fields.object("seconds"));
  r.coordinator_rss_bytes = fields.count("coordinator_rss_bytes");
  r.participant_peak_rss_bytes = fields.count("participant_peak_rss_bytes");
  return r;
}

}  // namespace tributary::coordinator
