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
Path find_module() {
  std::error_code error;
  const Path here = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  const std::array<Path, 2> places = {here / kModule, here / TRIBUTARY_MODULES / kModule};
  for (const Path& place : places) {
    if (std::filesystem::exists(place, error)) return place;
  }
  fail(Error::Kind::Unavailable, "central evaluation needs " + std::string(kModule) + ", which is neither in " +
                                     here.string() + " nor in " + places[1].parent_path().lexically_normal().string() +
                                     "; install it, or configure no evaluation.*");
}

}  // namespace

std::unique_ptr<Evaluator> load_evaluator(const model::Graph& graph, data::View examples, const std::string& loss,
                                          const Clock& clock) {
  const Path file = find_module();
  void* const module = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);  // for the life of the process
  void* const entry = module == nullptr ? nullptr : ::dlsym(module, kEvaluatorEntry);
  if (entry == nullptr) {
    const char* const why = ::dlerror();
    fail(Error::Kind::Unavailable,
         "central evaluation: cannot load " + file.string() + ": " + (why == nullptr ? "it is another file" : why));
  }
  return std::unique_ptr<Evaluator>(reinterpret_cast<EvaluatorEntry*>(entry)(graph, examples, loss, clock));
}

}  // namespace tributary::coordinator
