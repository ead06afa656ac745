#include "participant/predictor/predictor.h"

#include <functional>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/base/text.h"
#include "participant/predictor/inference.h"

namespace tributary::predictor {

namespace {

using http::Exchange;
using http::Request;
using http::Response;

Response text_response(std::string body, std::string type = "application/json") {
  Response response;
  response.content_type = std::move(type);
  response.body = std::move(body);
  return response;
}

Response wrong_method(std::string_view allowed) {
  Response response = http::error_response(405, "this takes " + std::string(allowed));
  response.fields.emplace_back("Allow", allowed);
  return response;
}

Response busy() {
  Response response = http::error_response(429, "too many requests wait for this model; ask again later");
  response.fields.emplace_back("Retry-After", "1");
  return response;
}

Response failed(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& e) {
    if (e.kind() != Error::Kind::Unavailable) return http::error_response(400, e.what());
    Response response = http::error_response(503, e.what());
    response.fields.emplace_back("Retry-After", "1");
    return response;
  } catch (const std::exception& e) {
    return http::error_response(500, e.what());
  }
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (const std::int64_t axis : shape) text += (text.size() == 1 ? "" : ",") + std::to_string(axis);
  return text + "]";
}

std::string tensor_json(const model::ValueInfo& value, std::string_view datatype) {
  return "{\"name\":" + http::json_quoted(value.name) + ",\"datatype\":\"" + std::string(datatype) +
         "\",\"shape\":" + shape_text(value.shape) + "}";
}

// Throws Malformed where the request does not fit the model.
void check(const InferenceRequest& request, const Engine& engine, std::size_t max_examples) {
  const auto refuse = [](const std::string& why) { fail(Error::Kind::Malformed, why); };
  const model::ValueInfo& input = engine.input();
  if (request.input != input.name) refuse("the model's input is '" + input.name + "', not '" + request.input + "'");
  if (request.datatype != datatype_of(input.type))
    refuse("input '" + input.name + "' is " + std::string(datatype_of(input.type)) + ", not " + request.datatype);
  bool fits = request.shape.size() == input.shape.size();
  for (std::size_t d = 1; fits && d < request.shape.size(); ++d)
    fits = input.shape[d] < 0 || input.shape[d] == request.shape[d];
  if (!fits) refuse("input '" + input.name + "' is " + shape_text(input.shape) + ", not " + shape_text(request.shape));
  if (request.examples() > max_examples)
    refuse("at most " + std::to_string(max_examples) + " examples a request are taken");
  if (request.output && *request.output != engine.output().name)
    refuse("the model's output is '" + engine.output().name + "', not '" + *request.output + "'");
}

struct Place {
  std::string model;
  std::string version;  // empty: whichever
  std::string action;   // "", "ready", "infer"
};

// Of a path below /v2/models/; nullopt when there is nothing.
std::optional<Place> place_of(std::string_view path) {
  constexpr std::string_view kModels = "/v2/models/";
  if (!path.starts_with(kModels)) return std::nullopt;
  auto parts = split(path.substr(kModels.size()), '/');
  Place place;
  place.model = parts.front();
  parts.erase(parts.begin());
  if (parts.size() >= 2 && parts[0] == "versions") {
    place.version = parts[1];
    parts.erase(parts.begin(), parts.begin() + 2);
  }
  if (parts.size() == 1 && (parts[0] == "ready" || parts[0] == "infer")) {
    place.action = parts[0];
  } else if (!parts.empty()) {
    return std::nullopt;
  }
  return place;
}

}  // namespace

void Predictor::declare(const std::string& name) {
  if (!lanes_.emplace(name, std::make_shared<Lane>(io_, options_)).second)
    fail(Error::Kind::Malformed, "two models are named '" + name + "'; give them names: NAME=FILE");
}

void Predictor::install(const std::string& name, DeploymentPtr deployment) {
  lanes_.find(name)->second->install(std::move(deployment));
}

DeploymentPtr Predictor::current(const std::string& name) const {
  return lanes_.find(name)->second->current();
}

bool Predictor::ready() const {
  for (const auto& [name, lane] : lanes_)
    if (!lane->current()) return false;
  return !lanes_.empty();
}

void Predictor::handle(std::unique_ptr<Exchange>& exchange) {
  const Request& request = exchange->request();
  const auto place = place_of(request.path);
  if (!place) return exchange->answer(look(request));
  const auto lane = lanes_.find(place->model);
  if (lane == lanes_.end()) return exchange->answer(http::error_response(404, "no model '" + place->model + "' here"));
  const DeploymentPtr deployment = lane->second->current();
  if (!deployment) {
    Response response = http::error_response(503, "model '" + place->model + "' is not there yet");
    response.fields.emplace_back("Retry-After", "1");
    return exchange->answer(std::move(response));
  }
  if (!place->version.empty() && place->version != deployment->version)
    return exchange->answer(http::error_response(
        404, "model '" + place->model + "' is at version " + deployment->version + ", not " + place->version));
  if (place->action == "infer") {
    if (request.method != "POST") return exchange->answer(wrong_method("POST"));
    return infer(exchange, place->model, *lane->second, deployment);
  }
  if (request.method != "GET" && request.method != "HEAD") return exchange->answer(wrong_method("GET"));
  if (place->action == "ready") return exchange->answer(text_response("{\"ready\":true}\n"));
  exchange->answer(describe(place->model, *deployment));
}

Response Predictor::look(const Request& request) const {
  const bool known = request.path == "/v2" || request.path == "/v2/" || request.path == "/v2/health/live" ||
                     request.path == "/v2/health/ready" || request.path == "/metrics";
  if (!known) return http::error_response(404, "nothing here; see /v2");
  if (request.method != "GET" && request.method != "HEAD") return wrong_method("GET");
  if (request.path == "/metrics") return text_response(metrics(), "text/plain; version=0.0.4; charset=utf-8");
  if (request.path == "/v2/health/live") return text_response("{\"live\":true}\n");
  if (request.path == "/v2/health/ready") {
    if (ready()) return text_response("{\"ready\":true}\n");
    return http::error_response(503, "not every model is there yet");
  }
  std::string models;
  for (const auto& [name, lane] : lanes_) models += (models.empty() ? "" : ",") + http::json_quoted(name);
  return text_response("{\"name\":\"tributary\",\"version\":\"" TRIBUTARY_VERSION
                       "\",\"extensions\":[\"binary_tensor_data\"],\"models\":[" +
                       models + "]}\n");
}

Response Predictor::describe(const std::string& name, const Deployment& deployment) const {
  const Engine& engine = *deployment.engine;
  return text_response("{\"name\":" + http::json_quoted(name) + ",\"versions\":[" +
                       http::json_quoted(deployment.version) + "],\"platform\":\"tributary_onnx\",\"inputs\":[" +
                       tensor_json(engine.input(), datatype_of(engine.input().type)) + "],\"outputs\":[" +
                       tensor_json(engine.output(), "FP32") + "]}\n");
}

void Predictor::infer(std::unique_ptr<Exchange>& exchange, const std::string& name, Lane& lane,
                      const DeploymentPtr& deployment) const {
  const Request& request = exchange->request();
  auto wanted = std::make_shared<InferenceRequest>(
      parse_inference(request.body, http::find_field(request.fields, kHeaderLengthField)));
  check(*wanted, *deployment->engine, max_examples_);
  Job job;
  job.engine = deployment->engine;
  job.features = std::move(wanted->values);
  job.examples = wanted->examples();
  const auto mine = std::make_shared<std::unique_ptr<Exchange>>(std::move(exchange));
  job.done = [mine, wanted, name](const Prediction& prediction) {
    const auto open = std::move(*mine);
    if (prediction.failure) return open->answer(failed(prediction.failure));
    const Deployment& by = *prediction.deployment;
    open->answer(
        write_inference(*wanted, {name, by.version, by.engine->output().name, prediction.values, prediction.shape}));
  };
  if (!lane.submit(job)) (*mine)->answer(busy());
}

std::string Predictor::metrics() const {
  std::string text;
  const auto family = [&](const std::string& metric, std::string_view kind, std::string_view help,
                          const std::function<std::string(const LaneCounts&)>& value) {
    text += "# HELP tributary_predictor_" + metric + " " + std::string(help) + "\n# TYPE tributary_predictor_" +
            metric + " " + std::string(kind) + "\n";
    for (const auto& [name, lane] : lanes_)
      text += "tributary_predictor_" + metric + "{model=\"" + name + "\"} " + value(lane->counts()) + "\n";
  };
  const auto count = [](std::uint64_t LaneCounts::*member) {
    return [member](const LaneCounts& counts) { return std::to_string(counts.*member); };
  };
  family("requests_total", "counter", "Requests answered.", count(&LaneCounts::requests));
  family("examples_total", "counter", "Examples of those requests.", count(&LaneCounts::examples));
  family("inferences_total", "counter", "Runs of the model, each for one request or a batch.",
         count(&LaneCounts::batches));
  family("refused_total", "counter", "Requests answered by 429.", count(&LaneCounts::refused));
  family("swaps_total", "counter", "New versions taken into service.", count(&LaneCounts::swaps));
  family("waiting", "gauge", "Requests in the queue.",
         [](const LaneCounts& counts) { return std::to_string(counts.waiting); });
  family("busy_seconds_total", "counter", "Time spent in inferences.",
         [](const LaneCounts& counts) { return std::to_string(counts.busy_seconds); });
  return text;
}

}  // namespace tributary::predictor
