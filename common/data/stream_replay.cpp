#include "common/base/error.h"
#include "common/data/stream.h"

namespace tributary::data {

namespace {

class Replay final : public ExampleStream {
 public:
  explicit Replay(View view) : view_(std::move(view)) {
    if (view_.dataset->classes() == 0 || view_.dataset->label_size() != 1)
      fail(Error::Kind::Malformed, "a stream needs examples whose labels are classes, not real numbers");
  }

  std::size_t features() const override { return view_.dataset->feature_size(); }
  std::uint32_t classes() const override { return view_.dataset->classes(); }
  Next next(std::span<float> features, float& label) override {
    if (at_ == view_.indices.size()) return Next::End;
    view_.dataset->read(std::span(view_.indices).subspan(at_++, 1), features, std::span(&label, 1));
    return Next::Example;
  }

 private:
  View view_;
  std::size_t at_ = 0;
};

}  // namespace

std::unique_ptr<ExampleStream> replay(View view) {
  return std::make_unique<Replay>(std::move(view));
}

}  // namespace tributary::data
