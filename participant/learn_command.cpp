#include "participant/learn_command.h"

#include <iostream>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "common/learn/exits.h"
#include "common/model/zoo.h"
#include "common/options/data_keys.h"
#include "participant/learning_log.h"
#include "participant/stream_settings.h"

namespace tributary::participant {

namespace {

struct Settings {
  std::string model = "odl:{in}-100x20-{out}";
  data::DataSource data;
  StreamSettings stream;
};

void bind(options::Keys& keys, Settings& settings) {
  keys.text("model", settings.model,
            "the model to learn: an .onnx file, or linear:IN-OUT, mlp:IN-HIDDEN-...-OUT, odl:IN-UNITSxLAYERS-OUT; {in} "
            "and {out} stand for the stream's numbers of features and classes");
  options::bind_data(keys, settings.data, "data", "examples");
  bind_stream(keys, settings.stream);
}

std::string filled(std::string text, std::string_view place, std::size_t number) {
  for (auto at = text.find(place); at != std::string::npos; at = text.find(place))
    text.replace(at, place.size(), std::to_string(number));
  return text;
}

std::uint64_t every_from(const std::string& text) {
  const auto number = parse_int(text);
  if (!number || *number < 1) fail(Error::Kind::Malformed, "--every " + text + ": must be a whole number from 1 up");
  return static_cast<std::uint64_t>(*number);
}

// Learns the stream to its end. False when the parameters became inf or nan.
bool learn_all(data::ExampleStream& stream, learn::StreamLearner& learner, std::uint64_t every, LearningLog& log) {
  std::vector<float> features(stream.features());
  float label = 0;
  std::uint64_t shown = 0;
  while (stream.next(features, label) == data::Next::Example) {
    const auto seen = learner.see(features, static_cast<std::uint32_t>(label));
    if (!seen.finite) return false;
    if (seen.drift) log.drift(learner.examples());
    if (learner.examples() >= shown + every) {
      shown = learner.examples();
      log.row(learner);
    }
  }
  if (!learner.finish()) return false;
  if (learner.examples() > shown) log.row(learner);
  return true;
}

int learn(const options::Arguments& arguments, const Settings& settings) {
  const Path out = arguments.get("out");
  const std::uint64_t every = every_from(arguments.get("every", "5000"));
  const auto stream = open_stream(settings.stream, settings.data);
  learn::StreamPlan plan = settings.stream.plan;
  const std::size_t inputs = stream->features() + (plan.last_label ? 1 : 0);
  auto graph = model::load_or_make(filled(filled(settings.model, "{in}", inputs), "{out}", stream->classes()),
                                   settings.stream.seed);
  const auto network = learn::ExitNetwork::compile(graph);
  auto parameters = graph.parameters();
  learn::StreamLearner learner(*network, parameters, stream->features(), stream->classes(), plan, settings.stream.seed);
  LearningLog log(out, arguments.has("json"));
  const SystemClock clock;
  const TimePoint start = clock.now();
  if (!learn_all(*stream, learner, every, log)) {
    std::cerr << "the loss or a parameter became inf or nan after " << learner.examples()
              << " examples: lower online.learning_rate\n";
    return 1;
  }
  log.end(learner, seconds(clock.now() - start));
  if (out.empty()) return 0;
  graph.set_parameters(parameters);
  graph.save(out / "learnt.onnx");
  return 0;
}

}  // namespace

options::Command learn_command() {
  options::Command command;
  command.name = "learn";
  command.summary = "learns one stream alone, testing before it learns each example, and prints how well";
  command.options = {
      {"out", "DIR", "folder for stream.jsonl, report.json and the model learnt, learnt.onnx"},
      {"every", "N", "examples from one row to the next; default: 5000"},
      {"json", "", "one JSON object at the end instead of a table"},
  };
  command.examples =
      "  tributary-participant learn --stream.source=sea,every=25000,examples=100000\n"
      "  tributary-participant learn --data.format=csv --data.file=elec2.csv.gz --model=mlp:{in}-100-{out}\n"
      "  tributary-participant learn --data.images=train-images --data.labels=train-labels --out runs/stream";
  return command;
}

int run_learn(std::string_view program, const std::vector<std::string>& words) {
  Settings settings;
  options::Keys keys;
  bind(keys, settings);
  const auto command = learn_command();
  const auto arguments = options::parse(command, &keys, words);
  if (!arguments) {
    std::cout << options::help(program, command, &keys);
    return 0;
  }
  return learn(*arguments, settings);
}

}  // namespace tributary::participant
