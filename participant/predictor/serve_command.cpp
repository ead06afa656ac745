#include <csignal>
#include <functional>
#include <iostream>

#include <asio/signal_set.hpp>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/service_manager.h"
#include "common/net/watchdog.h"
#include "participant/predictor/commands.h"
#include "participant/predictor/served_graph.h"

namespace tributary::predictor {

namespace {

std::vector<ServedFile> read(const std::vector<std::string>& files) {
  std::vector<ServedFile> models;
  for (const std::string& file : files) models.push_back(load_served(file));
  return models;
}

// Compiles and warms up all, and only then takes them into service: all or none.
void install(Service& service, const std::vector<ServedFile>& models) {
  std::vector<DeploymentPtr> deployments;
  for (const ServedFile& model : models)
    deployments.push_back(deploy(model.graph, model.version, service.slots(), service.max_batch()));
  for (std::size_t i = 0; i < models.size(); ++i) service.predictor().install(models[i].name, deployments[i]);
}

void reload(Service& service, const std::vector<std::string>& files) {
  try {
    service.reload_tls();
    install(service, read(files));
    log::info("serve", "certificates and models were read again");
  } catch (const std::exception& e) {
    log::error("serve", std::string(e.what()) + "; what was there before stays");
  }
}

}  // namespace

options::Command serve_command() {
  options::Command command;
  command.name = "serve";
  command.summary = "answers inference requests over HTTP (Open Inference Protocol v2)";
  command.positional = {"MODEL..."};
  command.options = {{"check-config", "", "checks configuration and models, and ends"}};
  command.examples =
      "  tributary-participant serve runs/1/edge.onnx\n"
      "  tributary-participant serve shoes=runs/1/global.onnx small=runs/1/edge.onnx --serve.mode=batch\n"
      "  curl 127.0.0.1:8080/v2/models/edge\n"
      "MODEL is an .onnx file, or NAME=FILE. SIGHUP reads certificates and models again: requests go on meanwhile.\n"
      "Clients send POST /v2/models/NAME/infer, in JSON or with binary tensors; each answer names the version (the\n"
      "round that made the model).";
  return command;
}

int serve(const options::Arguments& arguments, const ServeSettings& settings) {
  const auto& files = arguments.positional;
  std::vector<std::string> names;
  auto models = read(files);
  for (const ServedFile& model : models) names.push_back(model.name);
  Service service(settings, names);
  install(service, models);
  models.clear();
  if (arguments.has("check-config")) {
    std::cout << "the configuration is fine: " << files.size() << (files.size() == 1 ? " model\n" : " models\n");
    return 0;
  }
  service.start();
  std::cout << "serving on " << service.address() << std::endl;
  const ServiceManager manager;
  manager.ready("serving on " + service.address());

  asio::io_context io;
  asio::signal_set ends(io, SIGINT, SIGTERM), hangups(io, SIGHUP);
  int signal = 0;
  ends.async_wait([&](const asio::error_code&, int number) {
    signal = number;
    io.stop();
  });
  const std::function<void()> await_hangup = [&] {
    hangups.async_wait([&](const asio::error_code& error, int) {
      if (error) return;
      manager.reloading();
      reload(service, files);
      manager.ready("serving on " + service.address());
      await_hangup();
    });
  };
  await_hangup();
  net::Watchdog watchdog(io, manager);
  io.run();
  manager.stopping();
  service.stop();
  return signal == SIGTERM ? 0 : 128 + signal;
}

}  // namespace tributary::predictor
