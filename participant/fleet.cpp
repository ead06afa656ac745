#include "participant/fleet.h"

#include <csignal>
#include <set>
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/options/data_keys.h"

namespace tributary::participant {

namespace {

net::Bundle read_one(const Path& file) {
  return net::read_bundle(read_text_file(file, net::kMaxBundleBytes), file.string());
}

}  // namespace

std::vector<net::Bundle> read_bundles(const Path& file, const Path& folder) {
  if (folder.empty()) return {read_one(file)};
  std::vector<net::Bundle> bundles;
  std::set<std::string> names;
  for (const auto& entry : RealFiles().list(folder)) {
    const Path path = folder / entry;
    if (path.extension() != ".bundle") continue;
    bundles.push_back(read_one(path));
    if (!names.insert(bundles.back().name).second)
      fail(Error::Kind::Malformed,
           path.string() + ": another bundle of the folder is " + bundles.back().name + "'s too");
  }
  if (bundles.empty())
    fail(Error::Kind::Malformed,
         folder.string() + ": holds no *.bundle; tributary-coordinator enroll --out makes them");
  return bundles;
}

data::View SharedExamples::of(const std::string& name) {
  const data::DataSource mine = options::for_participant(source_, name);
  auto& dataset = loaded_[mine.images.string() + '\n' + mine.labels.string() + '\n' + mine.file.string()];
  if (!dataset) dataset = data::load(mine);
  return data::subset(dataset, mine.index);
}

Fleet::Fleet(const Clock& clock, Files& files, FleetOptions options)
    : files_(files),
      options_(std::move(options)),
      runtime_(net::make_runtime(clock, options_.workers)),
      signals_(runtime_->io(), SIGINT, SIGTERM) {
  options_.agent.workshop = make_workshop();
}

void Fleet::add(const net::Bundle& bundle, data::View examples) {
  add(bundle, fixed_examples(std::move(examples)));
}

void Fleet::add(const net::Bundle& bundle, std::unique_ptr<ExampleSource> source) {
  Connector connect = connect_with(*runtime_, bundle, options_.server);
  AgentOptions agent = options_.agent;
  agent.name = bundle.name;
  Member& member = members_.emplace_back(bundle.name, options_);
  member.agent = std::make_unique<Agent>(*runtime_, files_, std::move(connect), std::move(source), std::move(agent),
                                         &member.narrator);
}

int Fleet::run() {
  net::Gate gate(runtime_->io());
  running_ = members_.size();
  for (auto& member : members_) gate.spawn(member.name, run_one(member));
  stop_all_at_a_signal();
  runtime_->io().run();
  if (interrupted_) return 128 + SIGINT;
  return failed_ == 0 && gate.leaked_exceptions() == 0 ? 0 : 1;
}

asio::awaitable<void> Fleet::run_one(Member& member) {
  const AgentEnd end = co_await member.agent->run();
  if (!end.orderly) {
    ++failed_;
    log::error("participant", member.name + ": " + end.reason);
  }
  member.narrator.ended(end);
  if (--running_ == 0) signals_.cancel();
}

void Fleet::stop_all_at_a_signal() {
  signals_.async_wait([this](const asio::error_code& error, int) {
    if (error) return;
    interrupted_ = true;
    for (auto& member : members_) member.agent->stop();
    asio::error_code ignored;
    signals_.clear(ignored);
  });
}

}  // namespace tributary::participant
