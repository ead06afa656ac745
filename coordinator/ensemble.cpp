#include "coordinator/ensemble.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "common/codec/update.h"

namespace tributary::coordinator {

Ensemble::Ensemble(const Files& files, const model::ParameterSet& start, std::vector<Member> members)
    : files_(files), start_(start), members_(std::move(members)) {
  std::ranges::sort(members_, {}, &Member::participant);
}

void Ensemble::for_each(const std::function<void(const model::ParameterSet&)>& visit) const {
  model::ParameterSet model(start_.layout_ptr());
  for (const Member& member : members_) {
    std::unique_ptr<MappedFile> file;
    if (member.bytes.empty()) file = files_.map(member.file);
    const std::vector<float> update = codec::decode_update(file ? file->bytes() : member.bytes, start_.layout());
    const auto factor = static_cast<float>(member.factor);
    const std::span<float> values = model.values();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = start_.values()[i] + factor * update[i];
    visit(model);
  }
}

}  // namespace tributary::coordinator
