// coordinator/admin/page.h
//
// The dashboard's files, as they stand in page/, and Chart.js as Debian ships it: all within the program. Any thread.
#pragma once

#include <string_view>

namespace tributary::coordinator::page {

std::string_view html();
std::string_view css();
std::string_view script();
std::string_view chart_library();

}  // namespace tributary::coordinator::page
