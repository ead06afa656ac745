// A participant with a data source of its own, whole: examples arrive between rounds and are learnt from once.
// Joins a federation whose model takes 4 features and has 2 classes (tributary-coordinator run ... --model=linear:4-2).
//
//   tributary-example-agent alice.bundle
#include <cstdio>

#include "common/base/error.h"
#include "common/base/random.h"
#include "participant/agent.h"

using namespace tributary;

// Stands for a sensor, a log, a data base: whatever this process alone may read.
class Sensor final : public participant::ExampleSource {
 public:
  std::uint64_t size() const override { return 100; }
  std::optional<data::View> examples(std::uint64_t round) override {
    RandomStream noise(StreamName{1, "sensor", round, {}});
    std::vector<float> features, labels;
    for (int i = 0; i < 100; ++i) {
      labels.push_back(static_cast<float>(i % 2));
      for (int j = 0; j < 4; ++j) features.push_back(static_cast<float>(noise.normal()) + (i % 2 == 0 ? 1.f : -1.f));
    }
    return data::whole(data::in_memory({4}, std::move(features), std::move(labels), 2));
  }
};

asio::awaitable<void> take_part(participant::Agent& agent, participant::AgentEnd& end) {
  end = co_await agent.run();
}

int main(int argc, char** argv) try {
  if (argc != 2) return std::fputs("usage: tributary-example-agent FILE.bundle\n", stderr), 2;
  const net::Bundle bundle = net::read_bundle(read_text_file(argv[1], net::kMaxBundleBytes), argv[1]);
  const SystemClock clock;
  RealFiles files;
  const auto runtime = net::make_runtime(clock, 1);
  participant::AgentOptions options;
  options.name = bundle.name;
  participant::Agent agent(*runtime, files, participant::connect_with(*runtime, bundle), std::make_unique<Sensor>(),
                           options);
  participant::AgentEnd end;
  net::Gate gate(runtime->io());
  gate.spawn("agent", take_part(agent, end));
  runtime->io().run();
  std::printf("%s: %llu rounds\n", end.reason.c_str(), static_cast<unsigned long long>(end.rounds));
  return end.orderly ? 0 : 1;
} catch (const Error& e) {
  return std::fprintf(stderr, "tributary-example-agent: %s\n", e.what()), 1;
}
