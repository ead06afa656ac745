#include "common/edge/training_screen.h"

#include <chrono>
#include <iostream>

#include "common/base/text.h"
#include "common/edge/wording.h"
#include "common/options/data_keys.h"

namespace tributary::edge::program {

namespace {

std::vector<std::string> titles(bool held_out) {
  std::vector<std::string> made{"epoch", "train loss", "train acc."};
  if (held_out) made.insert(made.end(), {"loss", "accuracy"});
  made.push_back("time");
  return made;
}

// Empty where no examples are named.
TrainingScreen::HeldOut held_out_on(const options::Keys& keys, const data::DataSource& source, learn::Network& network,
                                    learn::Loss loss, const Clock& clock) {
  if (!options::names_data(keys, source.prefix)) return {};
  return [&network, &clock, loss, examples = data::open(source)](const model::ParameterSet& parameters) {
    return learn::evaluate(network, parameters, examples, loss, clock);
  };
}

}  // namespace

TrainingScreen::TrainingScreen(std::ostream& out, options::Terminal terminal, const Clock& clock, HeldOut held_out)
    : clock_(clock),
      held_out_(std::move(held_out)),
      table_(out, terminal, titles(held_out_ != nullptr), {7, 10, 10}),
      begun_(clock.now()) {}

bool TrainingScreen::step(double share) {
  const TimePoint now = clock_.now();
  if (first_share_ < 0) {
    first_share_ = share;
    begun_ = now;
  }
  if (now - shown_ < std::chrono::milliseconds(200)) return false;
  shown_ = now;
  std::string text = percent(share) + " done";
  if (share > first_share_) {
    const double left = seconds(now - begun_) * (1 - share) / (share - first_share_);
    text += ", about " + human_seconds(left) + " left";
  }
  table_.status(text);
  return false;
}

void TrainingScreen::epoch(const EpochDone& done, const model::ParameterSet& parameters) {
  const auto& result = done.result;
  std::vector<std::string> cells{std::to_string(done.epoch) + "/" + std::to_string(done.epochs), fixed(result.loss, 4),
                                 percent(result.accuracy, 2)};
  if (held_out_) {
    const auto found = held_out_(parameters);
    cells.insert(cells.end(), {fixed(found.loss, 4), percent(found.accuracy, 2)});
  }
  cells.push_back(human_seconds(result.seconds));
  table_.row(cells);
}

ShownTraining::ShownTraining(const options::Keys& keys, const data::DataSource& held_out, learn::Network& network,
                             learn::Loss loss)
    : screen_(std::cout, options::standard_output(), clock_, held_out_on(keys, held_out, network, loss, clock_)) {}

TrainingWatch ShownTraining::watch(EpochDoneWith after) {
  TrainingWatch watch;
  watch.step = [this](double share) { return screen_.step(share); };
  watch.epoch_done = [this, after = std::move(after)](const EpochDone& done, const model::ParameterSet& now) {
    if (!done.result.finite) return;
    screen_.epoch(done, now);
    if (after) after(done, now);
  };
  return watch;
}

}  // namespace tributary::edge::program
