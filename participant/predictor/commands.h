// participant/predictor/commands.h
//
// tributary-participant serve: models over HTTP; predict: a model's answers for a data set. Throw what their parts
// throw; return the exit code.
#pragma once

#include "common/data/source.h"
#include "common/options/command_line.h"
#include "participant/predictor/service.h"

namespace tributary::predictor {

options::Command serve_command();
int serve(const options::Arguments& arguments, const ServeSettings& settings);

options::Command predict_command();
int predict(const options::Arguments& arguments, const options::Keys& keys, const data::DataSource& source);

}  // namespace tributary::predictor
