#include "coordinator/admin/page.h"

// The assembler reads the files, whose paths the build gives.
#define TRIBUTARY_EMBED(name, file) \
  __asm__(                          \
      ".section .rodata\n"          \
      ".global tributary_" #name    \
      "_begin\n"                    \
      ".global tributary_" #name    \
      "_end\n"                      \
      "tributary_" #name            \
      "_begin:\n"                   \
      ".incbin \"" file             \
      "\"\n"                        \
      "tributary_" #name            \
      "_end:\n"                     \
      ".previous\n");               \
  extern "C" const char tributary_##name##_begin[], tributary_##name##_end[]

TRIBUTARY_EMBED(page_html, TRIBUTARY_PAGE "/dashboard.html");
TRIBUTARY_EMBED(page_css, TRIBUTARY_PAGE "/dashboard.css");
TRIBUTARY_EMBED(page_script, TRIBUTARY_PAGE "/dashboard.js");
TRIBUTARY_EMBED(chart_library, TRIBUTARY_CHART_JS);

namespace tributary::coordinator::page {

namespace {

std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

}  // namespace

std::string_view html() {
  return between(tributary_page_html_begin, tributary_page_html_end);
}

std::string_view css() {
  return between(tributary_page_css_begin, tributary_page_css_end);
}

std::string_view script() {
  return between(tributary_page_script_begin, tributary_page_script_end);
}

std::string_view chart_library() {
  return between(tributary_chart_library_begin, tributary_chart_library_end);
}

}  // namespace tributary::coordinator::page
