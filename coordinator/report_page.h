// coordinator/report_page.h
//
// What the pages' makers share, under the names that they use: see common/page/page.h. Pure; any thread.
#pragma once

#include <string_view>

#include "common/page/page.h"

namespace tributary::coordinator {

using page::escape_html;

inline std::string_view report_style() {
  return page::style();
}
inline std::string_view report_script() {
  return page::script();
}

}  // namespace tributary::coordinator
