#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "common/base/error.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/data/stream.h"

namespace tributary::data {

namespace {

struct Settings {
  std::string kind;
  double examples = 0, every = 0, width = 0;
  double noise = 0, turn = 0;
  double features = 10, classes = 3, centroids = 30;
  double seed = 0;
};

struct Key {
  double Settings::*place;
  double low, high;
  bool whole;
};

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
  fail(Error::Kind::Malformed, "stream '" + std::string(text.substr(0, 80)) + "': " + why);
}

const std::map<std::string, Key>& keys() {
  constexpr double kMany = 1e15;
  static const std::map<std::string, Key> table{{"examples", {&Settings::examples, 0, kMany, true}},
                                                {"every", {&Settings::every, 0, kMany, true}},
                                                {"width", {&Settings::width, 0, kMany, true}},
                                                {"noise", {&Settings::noise, 0, 1, false}},
                                                {"turn", {&Settings::turn, 0, 1, false}},
                                                {"features", {&Settings::features, 1, 10000, true}},
                                                {"classes", {&Settings::classes, 2, 1000, true}},
                                                {"centroids", {&Settings::centroids, 2, 100000, true}},
                                                {"seed", {&Settings::seed, 0, kMany, true}}};
  return table;
}

void set(Settings& settings, std::string_view text, std::string_view part) {
  const auto equals = part.find('=');
  const std::string name(trim(part.substr(0, equals)));
  const auto found = keys().find(name);
  if (equals == std::string_view::npos || found == keys().end()) {
    std::vector<std::string> known;
    for (const auto& [key, rest] : keys()) known.push_back(key);
    const auto meant = nearest(name, known);
    refuse(text, "unknown key '" + name + "'" + (meant ? "; did you mean '" + *meant + "'?" : ""));
  }
  const Key& key = found->second;
  const auto value = parse_double(trim(part.substr(equals + 1)));
  if (!value || *value < key.low || *value > key.high || (key.whole && *value != std::floor(*value)))
    refuse(text, name + " must be a " + (key.whole ? "whole " : "") + "number from " +
                     std::to_string(static_cast<std::int64_t>(key.low)) + " to " +
                     std::to_string(static_cast<std::int64_t>(key.high)));
  settings.*key.place = *value;
}

Settings parse(std::string_view text, std::uint64_t seed) {
  const auto parts = split(text, ',');
  Settings settings;
  settings.kind = trim(parts[0]);
  settings.seed = static_cast<double>(seed);
  const auto& names = generator_names();
  if (std::find(names.begin(), names.end(), settings.kind) == names.end()) {
    const auto meant = nearest(settings.kind, names);
    refuse(text, "unknown kind '" + settings.kind + "'" +
                     (meant ? "; did you mean '" + *meant + "'?" : "; known: sea, hyperplane, rbf"));
  }
  if (settings.kind == "sea") settings.noise = 0.1;
  if (settings.kind == "hyperplane") settings.noise = 0.05;
  for (std::size_t i = 1; i < parts.size(); ++i) set(settings, text, parts[i]);
  if (settings.kind == "sea") settings.features = 3;
  if (settings.kind != "rbf") settings.classes = 2;
  if (settings.width > 0 && settings.width > settings.every) refuse(text, "width must be at most every");
  return settings;
}

// What the labels mean between two changes.
class Concept {
 public:
  virtual ~Concept() = default;
  // An example and its class, without noise.
  virtual std::uint32_t draw(std::span<float> features, RandomStream& random) const = 0;
  // One example has passed.
  virtual void move(RandomStream&) {}
};

class Sea final : public Concept {
 public:
  explicit Sea(std::uint64_t number) {
    constexpr float kThresholds[] = {8.0f, 9.0f, 7.0f, 9.5f};
    threshold_ = kThresholds[number % 4];
  }
  std::uint32_t draw(std::span<float> features, RandomStream& random) const override {
    for (float& value : features) value = static_cast<float>(10 * random.uniform());
    return features[0] + features[1] <= threshold_;
  }

 private:
  float threshold_;
};

class Hyperplane final : public Concept {
 public:
  Hyperplane(const Settings& settings, RandomStream& random) : turn_(static_cast<float>(settings.turn)) {
    for (int i = 0; i < static_cast<int>(settings.features); ++i) {
      weights_.push_back(static_cast<float>(random.uniform()));
      steps_.push_back(random.below(2) == 0 ? 1.0f : -1.0f);
    }
  }
  std::uint32_t draw(std::span<float> features, RandomStream& random) const override {
    float sum = 0;
    for (std::size_t i = 0; i < features.size(); ++i) {
      features[i] = static_cast<float>(random.uniform());
      sum += weights_[i] * (features[i] - 0.5f);
    }
    return sum >= 0;
  }
  // The direction turns back with a chance of a tenth.
  void move(RandomStream& random) override {
    if (turn_ == 0) return;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      weights_[i] += turn_ * steps_[i];
      if (random.below(10) == 0) steps_[i] = -steps_[i];
    }
  }

 private:
  float turn_;
  std::vector<float> weights_, steps_;
};

class RadialBasis final : public Concept {
 public:
  RadialBasis(const Settings& settings, RandomStream& random) {
    for (int i = 0; i < static_cast<int>(settings.centroids); ++i) {
      Centroid centroid;
      for (int j = 0; j < static_cast<int>(settings.features); ++j)
        centroid.centre.push_back(static_cast<float>(random.uniform()));
      centroid.label = static_cast<std::uint32_t>(random.below(static_cast<std::uint64_t>(settings.classes)));
      centroid.spread = 0.3 * random.uniform();
      total_ += random.uniform();
      centroid.up_to = total_;
      centroids_.push_back(std::move(centroid));
    }
  }
  // In a random direction from a centroid, chosen by its weight, at a normal distance.
  std::uint32_t draw(std::span<float> features, RandomStream& random) const override {
    const double at = random.uniform() * total_;
    const auto chosen =
        std::find_if(centroids_.begin(), centroids_.end() - 1, [&](const Centroid& c) { return at < c.up_to; });
    double length = 0;
    for (float& value : features) {
      value = static_cast<float>(random.normal());
      length += double{value} * value;
    }
    const auto scale = static_cast<float>(chosen->spread * random.normal() / std::max(std::sqrt(length), 1e-12));
    for (std::size_t i = 0; i < features.size(); ++i) features[i] = chosen->centre[i] + scale * features[i];
    return chosen->label;
  }

 private:
  struct Centroid {
    std::vector<float> centre;
    std::uint32_t label = 0;
    double spread = 0;
    double up_to = 0;  // sum of the weights so far
  };
  std::vector<Centroid> centroids_;
  double total_ = 0;
};

class Generated final : public ExampleStream {
 public:
  explicit Generated(Settings settings) : settings_(std::move(settings)), random_(seed(), "stream of examples") {}

  std::size_t features() const override { return static_cast<std::size_t>(settings_.features); }
  std::uint32_t classes() const override { return static_cast<std::uint32_t>(settings_.classes); }

  Next next(std::span<float> features, float& label) override {
    if (settings_.examples > 0 && static_cast<double>(count_) >= settings_.examples) return Next::End;
    Concept& present = concept_of(number_of_concept());
    std::uint32_t drawn = present.draw(features, random_);
    present.move(random_);
    if (settings_.noise > 0 && random_.uniform() < settings_.noise)
      drawn = static_cast<std::uint32_t>((drawn + 1 + random_.below(classes() - 1)) % classes());
    label = static_cast<float>(drawn);
    ++count_;
    return Next::Example;
  }

 private:
  std::uint64_t seed() const { return static_cast<std::uint64_t>(settings_.seed); }

  std::uint64_t number_of_concept() {
    if (settings_.every == 0) return 0;
    const auto every = static_cast<std::uint64_t>(settings_.every);
    const std::uint64_t number = count_ / every;
    const auto since = static_cast<double>(count_ % every);
    const bool before = number > 0 && since < settings_.width && random_.uniform() >= since / settings_.width;
    return before ? number - 1 : number;
  }

  // The last two are kept: while one takes over from the other, both are drawn from.
  Concept& concept_of(std::uint64_t number) {
    while (made_ <= number) {
      old_ = std::move(new_);
      new_ = make(made_++);
    }
    return number + 1 == made_ ? *new_ : *old_;
  }

  std::unique_ptr<Concept> make(std::uint64_t number) const {
    RandomStream random(StreamName{seed(), "concept", number, settings_.kind});
    if (settings_.kind == "sea") return std::make_unique<Sea>(number);
    if (settings_.kind == "hyperplane") return std::make_unique<Hyperplane>(settings_, random);
    return std::make_unique<RadialBasis>(settings_, random);
  }

  Settings settings_;
  RandomStream random_;
  std::uint64_t count_ = 0, made_ = 0;
  std::unique_ptr<Concept> old_, new_;
};

}  // namespace

const std::vector<std::string>& generator_names() {
  static const std::vector<std::string> names{"sea", "hyperplane", "rbf"};
  return names;
}

std::unique_ptr<ExampleStream> make_generator(std::string_view text, std::uint64_t seed) {
  return std::make_unique<Generated>(parse(text, seed));
}

}  // namespace tributary::data
