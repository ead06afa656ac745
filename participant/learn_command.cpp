#include "participant/learn_command.h"

#include <csignal>
#include <iostream>
#include <optional>
#include <thread>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "common/learn/exits.h"
#include "common/model/zoo.h"
#include "common/options/data_keys.h"
#include "participant/checkpoint.h"
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

std::uint64_t number_from(const options::Arguments& arguments, const std::string& option, const char* otherwise) {
  const std::string text = arguments.get(option, otherwise);
  const auto number = parse_int(text);
  if (!number || *number < 1)
    fail(Error::Kind::Malformed, "--" + option + " " + text + ": must be a whole number from 1 up");
  return static_cast<std::uint64_t>(*number);
}

// SIGINT and SIGTERM end the stream in order.
volatile std::sig_atomic_t stop_asked = 0;

void stop_at_a_signal() {
  stop_asked = 0;
  for (const int number : {SIGINT, SIGTERM}) std::signal(number, [](int) { stop_asked = 1; });
}

// One learner on one stream, with what it shows and what it keeps.
class Learning {
 public:
  Learning(const options::Arguments& arguments, const Settings& settings)
      : out_(arguments.get("out")),
        state_(arguments.get("state")),
        every_(number_from(arguments, "every", "5000")),
        keep_every_(number_from(arguments, "keep-every", "1000")),
        settings_(settings) {
    if (!state_.empty()) files_.make_directories(state_);
  }

  int run(bool json) {
    open();
    LearningLog log(out_, json, checkpoint_.has_value());
    if (stream_->is_live()) log.note("reading from " + settings_.stream.source);
    if (checkpoint_) log.note("going on behind " + std::to_string(learner_->examples()) + " examples");
    stop_at_a_signal();
    const TimePoint start = clock_.now();
    if (!learn_all(log)) {
      std::cerr << "the loss or a parameter became inf or nan after " << learner_->examples()
                << " examples: lower online.learning_rate\n";
      return 1;
    }
    keep();
    log.end(*learner_, stream_->rejects(), seconds(clock_.now() - start));
    if (out_.empty()) return 0;
    graph_.set_parameters(parameters_);
    graph_.save(out_ / "learnt.onnx");
    return 0;
  }

 private:
  Path checkpoint_file() const { return state_ / "stream.state"; }

  // The number of features is the stream's to say, and where to go on in it the checkpoint's, which needs the model.
  void open() {
    const std::string position = position_kept();
    stream_ = std::make_unique<OpenStream>(settings_.stream, settings_.data, clock_, position);
    const learn::StreamPlan& plan = settings_.stream.plan;
    const std::size_t inputs = stream_->features() + (plan.last_label ? 1 : 0);
    graph_ = model::load_or_make(filled(filled(settings_.model, "{in}", inputs), "{out}", stream_->classes()),
                                 settings_.stream.seed);
    network_ = learn::ExitNetwork::compile(graph_);
    parameters_ = graph_.parameters();
    if (!state_.empty()) checkpoint_ = load_checkpoint(files_, checkpoint_file(), network_->layout());
    if (checkpoint_) parameters_ = checkpoint_->parameters;
    learner_ = std::make_unique<learn::StreamLearner>(*network_, parameters_, stream_->features(), stream_->classes(),
                                                      plan, settings_.stream.seed);
    if (checkpoint_) learner_->load(checkpoint_->state);
  }

  std::string position_kept() {
    return state_.empty() ? std::string() : checkpoint_position(files_, checkpoint_file()).value_or("");
  }

  // False when the parameters became inf or nan.
  bool learn_all(LearningLog& log) {
    constexpr auto kPause = std::chrono::milliseconds(20);
    std::vector<float> features(stream_->features());
    float label = 0;
    shown_ = learner_->examples();
    while (stop_asked == 0) {
      const data::Next found = stream_->next(features, label);
      if (found == data::Next::End) break;
      if (found == data::Next::Nothing) {
        keep();
        std::this_thread::sleep_for(kPause);
        continue;
      }
      ++since_kept_;
      const auto seen = learner_->see(features, static_cast<std::uint32_t>(label));
      if (!seen.finite) return false;
      if (seen.drift) log.drift(learner_->examples());
      if (since_kept_ >= keep_every_) keep();
      if (learner_->examples() >= shown_ + every_) show(log);
    }
    // What still waits for its label goes on waiting where the learner will go on.
    if (state_.empty() && !learner_->finish()) return false;
    if (learner_->examples() > shown_) show(log);
    return true;
  }

  void show(LearningLog& log) {
    shown_ = learner_->examples();
    log.row(*learner_);
  }

  void keep() {
    if (state_.empty() || since_kept_ == 0) return;
    save_checkpoint(files_, checkpoint_file(), {stream_->position(), learner_->save(), parameters_});
    since_kept_ = 0;
  }

  Path out_, state_;
  std::uint64_t every_, keep_every_;
  const Settings& settings_;
  const SystemClock clock_;
  RealFiles files_;
  std::unique_ptr<OpenStream> stream_;
  model::Graph graph_;
  model::ParameterSet parameters_;
  std::unique_ptr<learn::ExitNetwork> network_;
  std::optional<Checkpoint> checkpoint_;
  std::unique_ptr<learn::StreamLearner> learner_;
  std::uint64_t shown_ = 0, since_kept_ = 0;
};

}  // namespace

options::Command learn_command() {
  options::Command command;
  command.name = "learn";
  command.summary = "learns one stream alone, testing before it learns each example, and prints how well";
  command.options = {
      {"out", "DIR", "folder for stream.jsonl, report.json and the model learnt, learnt.onnx"},
      {"every", "N", "examples from one row to the next; default: 5000"},
      {"state", "DIR", "folder from which a later run goes on behind the last example learnt, after a crash too"},
      {"keep-every", "N", "examples between two writings of that state; default: 1000"},
      {"json", "", "one JSON object at the end instead of a table"},
  };
  command.examples =
      "  tributary-participant learn --stream.source=sea,every=25000,examples=100000\n"
      "  tributary-participant learn --data.format=csv --data.file=elec2.csv.gz --model=mlp:{in}-100-{out}\n"
      "  tail -n +1 -f readings.json | tributary-participant learn --stream.source=stdin --stream.format=json "
      "--stream.features=heat,load --stream.label=failed --stream.classes=2\n"
      "  tributary-participant learn --stream.source=file:/var/log/readings.csv --stream.features=heat,load "
      "--stream.label=failed --stream.classes=2 --state kept\n"
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
  return Learning(*arguments, settings).run(arguments->has("json"));
}

}  // namespace tributary::participant
