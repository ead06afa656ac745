// common/options/data_keys.h
//
// The keys that name examples ("data.*" of a participant, "evaluation.*" of a coordinator), bound to data::DataSource.
#pragma once

#include <string_view>

#include "common/data/source.h"
#include "common/options/keys.h"

namespace tributary::options {

// Declares PREFIX.format, images, labels, file, label, holder, separator, header, standardize, label_kind, class_names,
// shape, classes, subset. `what` is what the examples are for, in the help: "private examples".
void bind_data(Keys& keys, data::DataSource& source, std::string_view prefix, std::string_view what);

// Whether any key was given that names examples (PREFIX.images or PREFIX.file).
bool names_data(const Keys& keys, std::string_view prefix);

// `source` with every "{name}" in its paths replaced: one configuration for many participants.
data::DataSource for_participant(data::DataSource source, std::string_view name);

}  // namespace tributary::options
