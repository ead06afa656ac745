// coordinator/report_page.h
//
// What the pages' makers share: escaping, and the page's style and script. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace tributary::coordinator {

// Text for an element or a quoted attribute: & < > " ' and control characters.
std::string escape_html(std::string_view text);

// The content of <style>: the variables --page --card --ink --soft --line --c1..--c6 for light and dark, and the
// layout.
std::string_view report_style();
// The content of <script>: shows the tip (attribute data-tip, lines apart by '|') of what the pointer is over.
std::string_view report_script();

}  // namespace tributary::coordinator
