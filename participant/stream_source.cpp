#include "participant/stream_source.h"

#include <algorithm>
#include <deque>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/random.h"
#include "common/data/running_scale.h"
#include "common/learn/state.h"

namespace tributary::participant {

namespace {

constexpr std::string_view kMagic = "TRIBPOS2";
constexpr std::size_t kDigestBytes = sizeof(Digest::bytes);
constexpr std::size_t kMaxPositionBytes = 4u << 20;
// Read in one go at most, so that a source that never dries up cannot hold a round up.
constexpr std::size_t kMostAtOnce = 1u << 20;

struct Example {
  std::vector<float> features;
  float label = 0;
  std::uint64_t number = 0;
};

// file := magic position-text scales label-of-the-last sha256-of-all-before
ByteSpan body_of(const MappedFile& file, const Path& path) {
  const ByteSpan bytes = file.bytes();
  const bool long_enough = bytes.size() >= kMagic.size() + kDigestBytes;
  const ByteSpan body = long_enough ? bytes.first(bytes.size() - kDigestBytes) : ByteSpan();
  if (!long_enough || as_text(body.first(kMagic.size())) != kMagic ||
      !std::ranges::equal(sha256(body).bytes, bytes.last(kDigestBytes)))
    fail(Error::Kind::Corrupt, path.string() + ": damaged; remove it to begin the stream anew");
  return body.subspan(kMagic.size());
}

class StreamSource final : public ExampleSource {
 public:
  StreamSource(std::unique_ptr<data::ExampleStream> stream, const StreamRounds& rounds, Files& files, Path state)
      : stream_(std::move(stream)),
        rounds_(rounds),
        files_(files),
        state_(std::move(state)),
        scale_(stream_->features(), rounds.scale_window),
        random_(rounds.seed, "reservoir") {
    check(rounds);
    if (!state_.empty() && files_.exists(state_)) load();
  }

  std::uint64_t size() const override { return pending_.size(); }

  std::optional<data::View> examples(std::uint64_t) override {
    if (!awaits_verdict_) take_in();
    if (fresh_ < rounds_.least || pending_.empty()) return std::nullopt;
    awaits_verdict_ = true;
    return view();
  }

  // What was not accepted is learnt again in the next round.
  void settled(std::uint64_t, bool accepted) override {
    if (!accepted) return;
    awaits_verdict_ = false;
    fresh_ = 0;
    seen_ = 0;
    if (rounds_.keep != "window") pending_.clear();
    if (!state_.empty()) save();
  }

 private:
  void take_in() {
    const bool to_the_end = rounds_.keep != "all";
    std::vector<float> features(stream_->features());
    float label = 0;
    for (std::size_t i = 0; i < kMostAtOnce && (to_the_end || pending_.size() < rounds_.examples); ++i) {
      if (stream_->next(features, label) != data::Next::Example) break;
      add({prepared(features), label, number_++});
    }
    std::ranges::sort(pending_, {}, &Example::number);
  }

  std::vector<float> prepared(std::vector<float> features) {
    if (rounds_.standardize) scale_.add_and_scale(features);
    for (float& value : features) value *= static_cast<float>(rounds_.scale);
    const auto most = static_cast<float>(std::max(stream_->classes(), 2u) - 1);
    if (rounds_.last_label) features.push_back(static_cast<float>(rounds_.scale) * (2 * last_label_ / most - 1));
    return features;
  }

  void add(Example example) {
    last_label_ = example.label;
    ++fresh_;
    ++seen_;
    if (pending_.size() < rounds_.examples) {
      pending_.push_back(std::move(example));
    } else if (rounds_.keep == "reservoir") {
      const std::uint64_t place = random_.below(seen_);
      if (place < pending_.size()) pending_[place] = std::move(example);
    } else {
      pending_.pop_front();
      pending_.push_back(std::move(example));
    }
  }

  data::View view() const {
    std::vector<float> features, labels;
    for (const Example& example : pending_) {
      features.insert(features.end(), example.features.begin(), example.features.end());
      labels.push_back(example.label);
    }
    const auto width = static_cast<std::int64_t>(pending_.front().features.size());
    return data::whole(data::in_memory({width}, std::move(features), std::move(labels), stream_->classes()));
  }

  void save() {
    ByteWriter out;
    out.put_bytes(as_bytes(kMagic));
    out.put_text(stream_->position());
    learn::StateWriter writer(out);
    writer(scale_, last_label_);
    const Digest digest = sha256(out.bytes());
    out.put_bytes(digest.bytes);
    write_atomically(files_, state_, out.bytes());
  }

  void load() {
    const auto mapped = files_.map(state_);
    ByteReader in(body_of(*mapped, state_), state_.string());
    in.get_text(kMaxPositionBytes);
    learn::StateReader reader(in);
    reader(scale_, last_label_);
    in.expect_end();
    if (!scale_.fits(stream_->features()))
      fail(Error::Kind::Malformed,
           state_.string() + ": of a stream with another number of features, or another stream.scale_window");
  }

  std::unique_ptr<data::ExampleStream> stream_;
  StreamRounds rounds_;
  Files& files_;
  Path state_;
  data::RunningScale scale_;
  RandomStream random_;
  std::deque<Example> pending_;
  std::uint64_t number_ = 0, fresh_ = 0, seen_ = 0;
  float last_label_ = 0;
  bool awaits_verdict_ = false;  // what is pending was given to a round
};

}  // namespace

std::unique_ptr<ExampleSource> stream_examples(std::unique_ptr<data::ExampleStream> stream, const StreamRounds& rounds,
                                               Files& files, const Path& state) {
  return std::make_unique<StreamSource>(std::move(stream), rounds, files, state);
}

std::string stream_position(Files& files, const Path& state) {
  if (state.empty() || !files.exists(state)) return {};
  const auto mapped = files.map(state);
  ByteReader in(body_of(*mapped, state), state.string());
  return in.get_text(kMaxPositionBytes);
}

}  // namespace tributary::participant
