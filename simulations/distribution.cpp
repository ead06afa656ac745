#include "simulations/distribution.h"

#include <cmath>
#include <vector>

#include "common/base/error.h"
#include "common/base/text.h"

namespace tributary::simulation {

namespace {

constexpr double kLargest = 1e12;
constexpr const char* kForms = "constant:X, uniform:A,B or lognormal:MEDIAN,SIGMA";

[[noreturn]] void malformed(std::string_view text, const std::string& what) {
  fail(Error::Kind::Malformed, "\"" + std::string(text) + "\": " + what);
}

std::string how_many(std::size_t count) {
  return count == 1 ? "one number" : "two numbers";
}

std::vector<double> numbers_of(std::string_view text, std::string_view list, std::size_t count) {
  std::vector<double> numbers;
  if (trim(list).empty()) malformed(text, how_many(count) + " expected: " + kForms);
  for (const std::string_view word : split(list, ',')) {
    const auto number = parse_double(trim(word));
    if (!number || *number < 0 || *number > kLargest)
      malformed(text, "numbers from 0 to 1e12 expected: " + std::string(kForms));
    numbers.push_back(*number);
  }
  if (numbers.size() != count) malformed(text, how_many(count) + " expected: " + kForms);
  return numbers;
}

}  // namespace

Distribution Distribution::parse(std::string_view text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string name{trim(text.substr(0, colon))};
  const std::string_view list = colon == text.size() ? std::string_view() : text.substr(colon + 1);
  Distribution result;
  result.text_ = trim(text);
  if (name == "constant") {
    result.first_ = numbers_of(text, list, 1)[0];
    return result;
  }
  if (name != "uniform" && name != "lognormal") {
    const std::vector<std::string> names = {"constant", "uniform", "lognormal"};
    const auto near = nearest(name, names);
    malformed(text, near ? "is \"" + *near + "\" meant?" : std::string(kForms) + " expected");
  }
  const std::vector<double> numbers = numbers_of(text, list, 2);
  result.form_ = name == "uniform" ? Form::Uniform : Form::LogNormal;
  result.first_ = numbers[0];
  result.second_ = numbers[1];
  if (result.first_ == 0) malformed(text, "the first number must be above 0; constant:0 is none at all");
  if (result.form_ == Form::Uniform && result.second_ < result.first_) malformed(text, "the second is below the first");
  if (result.form_ == Form::LogNormal && result.second_ > 10) malformed(text, "SIGMA must be at most 10");
  return result;
}

double Distribution::draw(RandomStream& random) const {
  switch (form_) {
    case Form::Constant:
      return first_;
    case Form::Uniform:
      return first_ + (second_ - first_) * random.uniform();
    case Form::LogNormal:
      break;
  }
  return first_ * std::exp(second_ * random.normal());
}

}  // namespace tributary::simulation
