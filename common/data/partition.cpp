#include "common/data/partition.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/data/content.h"
#include "common/data/partition_schemes.h"

namespace tributary::data {

namespace {

enum class Argument : std::uint8_t { None, Count, Positive, NotNegative, Name };
// Beyond these a split is no different, but its arithmetic would leave the doubles.
constexpr double kSmallest = 1e-6;
constexpr double kLargest = 1e6;

enum class Labels : std::uint8_t { Any, Classes };

struct Scheme {
  std::string_view name;
  Argument argument;
  const char* meaning;             // of the argument
  const char* example;             // what the user may write
  std::optional<double> standard;  // argument where none is given
  Labels labels;
  Parts (*split)(const Split&);
};

const Scheme kSchemes[] = {
    {"iid", Argument::None, "", "iid", {}, Labels::Any, split_iid},
    {"interleaved", Argument::None, "", "interleaved", {}, Labels::Any, split_interleaved},
    {"shards", Argument::Count, "shards a participant", "shards:2", 2, Labels::Classes, split_shards},
    {"dirichlet", Argument::Positive, "concentration", "dirichlet:0.5", {}, Labels::Classes, split_dirichlet},
    {"quantity_lognormal",
     Argument::NotNegative,
     "sigma",
     "quantity_lognormal:1",
     {},
     Labels::Any,
     split_quantity_lognormal},
    {"quantity_power", Argument::NotNegative, "exponent", "quantity_power:1.2", {}, Labels::Any, split_quantity_power},
    {"natural", Argument::Name, "column", "natural:user", {}, Labels::Any, split_natural},
};

[[noreturn]] void malformed(std::string_view specification, const std::string& what) {
  fail(Error::Kind::Malformed, "partition " + shown(specification) + ": " + what);
}

const Scheme& scheme_of(std::string_view specification, std::string_view name) {
  std::vector<std::string> names;
  for (const Scheme& scheme : kSchemes) {
    if (scheme.name == name) return scheme;
    names.emplace_back(scheme.name);
  }
  const auto near = nearest(name, names);
  std::string known;
  for (const Scheme& scheme : kSchemes) known += std::string(known.empty() ? "" : ", ") + scheme.example;
  malformed(specification, "unknown: " + (near ? "is " + shown(*near) + " meant?" : "known are " + known));
}

bool fits(Argument kind, double value) {
  switch (kind) {
    case Argument::None:
      return false;
    case Argument::Count:
      return value >= 1 && value <= std::numeric_limits<std::uint32_t>::max() && value == std::floor(value);
    case Argument::Positive:
      return value >= kSmallest && value <= kLargest;
    case Argument::NotNegative:
      return value >= 0 && value <= kLargest;
    case Argument::Name:
      break;
  }
  return false;
}

const char* text_of(Argument kind) {
  switch (kind) {
    case Argument::None:
      return "nothing";
    case Argument::Count:
      return "a whole number from 1";
    case Argument::Positive:
      return "a number from 0.000001 to 1000000";
    case Argument::NotNegative:
      return "a number from 0 to 1000000";
    case Argument::Name:
      return "a name";
  }
  return "";
}

double argument_of(std::string_view specification, const Scheme& scheme) {
  const std::size_t colon = specification.find(':');
  if (scheme.argument == Argument::None) {
    if (colon != std::string_view::npos) malformed(specification, "takes no argument: write " + shown(scheme.example));
    return 0;
  }
  if (colon == std::string_view::npos) {
    if (scheme.standard) return *scheme.standard;
    malformed(specification, std::string("needs its ") + scheme.meaning + ", as in " + shown(scheme.example));
  }
  if (scheme.argument == Argument::Name) {
    if (!trim(specification.substr(colon + 1)).empty()) return 0;
    malformed(specification, std::string("needs its ") + scheme.meaning + ", as in " + shown(scheme.example));
  }
  const std::optional<double> value = parse_double(trim(specification.substr(colon + 1)));
  if (!value || !fits(scheme.argument, *value)) {
    malformed(specification, std::string(scheme.meaning) + " must be " + text_of(scheme.argument) + ", as in " +
                                 shown(scheme.example));
  }
  return *value;
}

void check(const Dataset& dataset, std::string_view specification, const Scheme& scheme, std::uint32_t participants,
           double argument) {
  if (participants == 0) malformed(specification, "no participants: at least 1 expected");
  if (dataset.size() < participants) {
    malformed(specification, std::to_string(dataset.size()) + " examples cannot be split over " +
                                 std::to_string(participants) + " participants: use fewer");
  }
  if (scheme.labels == Labels::Classes && dataset.classes() == 0) {
    malformed(specification, "needs labels that are classes: use \"iid\" or a quantity split for real labels");
  }
  if (scheme.argument == Argument::Name && dataset.holders() < participants) {
    malformed(specification, dataset.holders() == 0
                                 ? "the examples name no holder: only CSV files do, with data.holder"
                                 : "there are " + std::to_string(dataset.holders()) + " holders, fewer than the " +
                                       std::to_string(participants) + " participants: use fewer");
  }
  if (scheme.argument == Argument::Count && argument * participants > dataset.size()) {
    malformed(specification, std::to_string(dataset.size()) + " examples are fewer than " +
                                 std::to_string(participants) + " participants times the " + scheme.meaning +
                                 ": use fewer of either");
  }
}

}  // namespace

std::vector<std::vector<std::uint32_t>> partition(const Dataset& dataset, std::string_view specification,
                                                  std::uint32_t participants, std::uint64_t seed) {
  const std::string_view name = trim(specification.substr(0, specification.find(':')));
  const Scheme& scheme = scheme_of(specification, name);
  const double argument = argument_of(specification, scheme);
  check(dataset, specification, scheme, participants, argument);

  RandomStream random(seed, "partition");
  Parts parts = scheme.split({dataset, participants, argument, random});
  for (auto& part : parts) std::sort(part.begin(), part.end());
  return parts;
}

}  // namespace tributary::data
