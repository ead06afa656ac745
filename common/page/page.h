// common/page/page.h
//
// What every HTML report shares: one self-contained page with the house's style, without anything loaded from elsewhere.
// Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace tributary::page {

// Text for an element or a quoted attribute: & < > " ' and control characters.
std::string escape_html(std::string_view text);

// The content of <style>: the variables --page --card --ink --soft --line --c1..--c6 for light and dark, and the
// layout.
std::string_view style();
// The content of <script>: shows the tip (attribute data-tip, lines apart by '|') of what the pointer is over.
std::string_view script();

struct Document {
  std::string title, subtitle;  // text
  std::string body;             // HTML
  std::string footer;           // text
};

// The whole page. Its content security policy allows nothing but itself.
std::string html(const Document& document);

}  // namespace tributary::page
