#include "participant/stream_settings.h"

#include <unistd.h>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/options/stream_keys.h"

namespace tributary::participant {

namespace {

using options::Keys;

constexpr double kMany = 1e9;

std::vector<std::string> list_of(std::string_view text) {
  std::vector<std::string> parts;
  if (trim(text).empty()) return parts;
  for (const auto part : split(text, ',')) parts.emplace_back(trim(part));
  return parts;
}

std::string text_of(const std::vector<std::string>& parts) {
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : ",") + part;
  return text;
}

void bind_list(Keys& keys, const std::string& name, std::vector<std::string>& list, const std::string& help) {
  keys.custom(
      name, "list", [&list](std::string_view text) { list = list_of(text); }, [&list] { return text_of(list); }, help);
}

void bind_online(Keys& keys, learn::OnlinePlan& plan) {
  keys.number("online.learning_rate", plan.learning_rate, {0, 1e6}, "step size");
  keys.custom(
      "online.schedule", "constant|inverse_sqrt|adagrad",
      [&plan](std::string_view text) { plan.schedule = learn::schedule_from(text); },
      [&plan] { return std::string(name_of(plan.schedule)); }, "how the step size goes on along the stream");
  keys.number("online.beta", plan.hedge.beta, {1e-6, 1 - 1e-9},
              "Hedge: factor on an exit's weight for each unit of its loss");
  keys.number("online.floor", plan.hedge.floor, {0, 1},
              "Hedge: share that all exits keep together, whatever they lose");
  keys.number("online.boost", plan.boost, {1, 1000}, "factor on the step size after an alarm of drift; 1 = none");
  keys.count("online.boost_examples", plan.boost_examples, {0, kMany}, "examples over which that factor wears off");
}

std::unique_ptr<data::LineSource> open_lines(const StreamSettings& settings, const Clock& clock,
                                             const std::string& place) {
  const std::string& source = settings.source;
  if (source == "stdin") return data::read_descriptor(STDIN_FILENO);
  if (source.starts_with("file:")) return data::follow_file(source.substr(5), place, settings.follow);
  if (source.starts_with("unix:")) return data::listen_unix(source.substr(5));
  if (!source.starts_with("mqtt://") && !source.starts_with("mqtts://")) return nullptr;
  data::MqttOptions mqtt = settings.mqtt;
  data::parse_mqtt(source, mqtt);
  return data::subscribe_mqtt(mqtt, clock);
}

}  // namespace

void bind_source(Keys& keys, StreamSettings& settings) {
  keys.text(
      "stream.source", settings.source,
      "data = the examples of data.* in their order; file:PATH, stdin, unix:PATH or mqtt[s]://HOST[:PORT]/TOPIC = "
      "lines that somebody writes; or a generator, sea, hyperplane or rbf, with keys as in "
      "\"sea,every=25000,width=0,noise=0.1,examples=100000\"");
  data::RecordSchema& schema = settings.schema;
  keys.choice("stream.format", schema.format, {"csv", "json"},
              "of lines: comma-separated values, or a JSON object each");
  bind_list(keys, "stream.features", schema.features,
            "names of the features in lines, in the order the model takes them");
  keys.text("stream.label", schema.label, "name of the label in lines");
  keys.count("stream.classes", schema.classes, {0, data::kMaxClasses}, "number of classes in lines");
  bind_list(keys, "stream.class_names", schema.class_names,
            "texts of the classes in lines, in the order of their numbers");
  keys.flag("stream.header", schema.header,
            "csv: whether a file or connection begins with the columns' names; otherwise: features, then label");
  keys.flag("stream.follow", settings.follow, "whether more is waited for at the end of a file");
  keys.path("stream.rejects", settings.rejects,
            "file for records that are no examples, with the reason; empty = only counted");
  keys.text("stream.mqtt_user", settings.mqtt.user, "user at the MQTT broker; empty = none");
  keys.path("stream.mqtt_password_file", settings.mqtt.password_file, "file whose first line is the password");
  keys.path("stream.mqtt_ca", settings.mqtt.ca, "authority of the MQTT broker's certificate, PEM; needed for mqtts");
  keys.path("stream.mqtt_certificate", settings.mqtt.certificate,
            "own certificate, PEM, where the broker asks for one");
  keys.path("stream.mqtt_key", settings.mqtt.key, "its key, PEM");
  keys.text("stream.mqtt_client_id", settings.mqtt.client_id,
            "name at the broker, which then keeps what arrives while we are away; empty = it keeps nothing");
  keys.count("stream.mqtt_qos", settings.mqtt.qos, {0, 2},
             "quality of service: 0 at most once, 1 at least once, 2 once");
}

void bind_stream(Keys& keys, StreamSettings& settings) {
  learn::StreamPlan& plan = settings.plan;
  bind_source(keys, settings);
  keys.count("stream.label_delay", plan.label_delay, {0, 1e6}, "examples that come between an example and its label");
  options::bind_stream_features(keys, plan.standardize, plan.scale_window, plan.scale, plan.last_label);
  bind_online(keys, plan.online);
  keys.count("online.batch_size", plan.batch_size, {1, 1e6}, "examples learnt in one step");
  keys.number("online.fading", plan.fading, {1e-6, 1},
              "factor on an example's part in the fading figures, each later one");
  keys.number("drift.delta", plan.drift.delta, {1e-12, 1},
              "ADWIN: confidence; larger finds more, and more that is not");
  keys.count("drift.clock", plan.drift.clock, {1, 1e6}, "ADWIN: examples between two looks");
  keys.count("drift.memory", plan.drift_memory, {0, kMany},
             "examples over which the copy that the detector watches follows the learner; 0 = it watches the learner");
  keys.count("seed", settings.seed, {}, "of initial values and generated streams");
}

OpenStream::OpenStream(const StreamSettings& settings, const data::DataSource& data, const Clock& clock,
                       const std::string& position)
    : rejects_(settings.rejects) {
  if (auto lines = open_lines(settings, clock, data::LiveStream::place_of(position))) {
    data::RecordSchema schema = settings.schema;
    schema.separator = data.csv.separator;
    // Among messages there is no first one.
    if (settings.source.starts_with("mqtt")) schema.header = false;
    auto live = std::make_unique<data::LiveStream>(std::move(lines), schema, rejects_);
    live->resume(position);
    live_ = live.get();
    stream_ = std::move(live);
    return;
  }
  stream_ =
      settings.source == "data" ? data::replay(data::open(data)) : data::make_generator(settings.source, settings.seed);
  if (position.empty()) return;
  const auto count = parse_int(position);
  if (!count || *count < 0) fail(Error::Kind::Malformed, "the state is that of another stream than stream.source");
  skip(static_cast<std::uint64_t>(*count));
}

// What was learnt already; such streams give the same again.
void OpenStream::skip(std::uint64_t count) {
  std::vector<float> features(stream_->features());
  float label = 0;
  while (given_ < count && next(features, label) == data::Next::Example) continue;
}

data::Next OpenStream::next(std::span<float> features, float& label) {
  const data::Next found = stream_->next(features, label);
  if (found == data::Next::Example) ++given_;
  return found;
}

std::string OpenStream::position() const {
  return live_ != nullptr ? live_->position() : std::to_string(given_);
}

}  // namespace tributary::participant
