#include "coordinator/evaluation_module.h"

#include <array>
#include <filesystem>
#include <system_error>

#include <dlfcn.h>

#include "common/base/error.h"
#include "common/base/files.h"

namespace tributary::coordinator {

namespace {

constexpr const char* kModule = "tributary-evaluation.so";

// Beside the program (in a build folder), or where it is installed to.
Path find_module(const std::string& what, const std::string& keys) {
  std::error_code error;
  const Path here = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  const std::array<Path, 2> places = {here / kModule, here / TRIBUTARY_MODULES / kModule};
  for (const Path& place : places) {
    if (std::filesystem::exists(place, error)) return place;
  }
  fail(Error::Kind::Unavailable, what + " needs " + std::string(kModule) + ", which is neither in " + here.string() +
                                     " nor in " + places[1].parent_path().lexically_normal().string() +
                                     "; install it, or configure no " + keys + ".*");
}

// What the module has under this name. `what` needs it, which the keys of a group configure.
void* find_entry(const char* name, const std::string& what, const std::string& keys) {
  const Path file = find_module(what, keys);
  void* const module = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);  // for the life of the process
  void* const entry = module == nullptr ? nullptr : ::dlsym(module, name);
  if (entry == nullptr) {
    const char* const why = ::dlerror();
    fail(Error::Kind::Unavailable,
         what + ": cannot load " + file.string() + ": " + (why == nullptr ? "it is another file" : why));
  }
  return entry;
}

}  // namespace

std::unique_ptr<Evaluator> load_evaluator(const model::Graph& graph, data::View examples, const std::string& loss,
                                          const Clock& clock) {
  void* const entry = find_entry(kEvaluatorEntry, "central evaluation", "evaluation");
  return std::unique_ptr<Evaluator>(reinterpret_cast<EvaluatorEntry*>(entry)(graph, examples, loss, clock));
}

std::unique_ptr<Distiller> load_distiller(const model::Graph& graph, data::View examples, const Settings& settings,
                                          Files& files, std::unique_ptr<StudentPlace> student) {
  void* const entry = find_entry(kDistillerEntry, "distillation", "distillation");
  return std::unique_ptr<Distiller>(
      reinterpret_cast<DistillerEntry*>(entry)(graph, examples, settings, files, student));
}

}  // namespace tributary::coordinator
