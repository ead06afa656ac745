#include "common/page/page.h"

namespace tributary::page {

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    }
  }
  return out;
}

std::string html(const Document& document) {
  const std::string title = escape_html(document.title);
  std::string out =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">"
      "<link rel=\"icon\" href=\"data:,\"><title>" +
      title + " – Tributary</title><style>";
  out += style();
  out += "</style></head><body><main><header><h1>" + title + "</h1><p>" + escape_html(document.subtitle) +
         "</p></header>" + document.body + "<footer>" + escape_html(document.footer) +
         "</footer></main><div id=\"tip\"></div><script>";
  out += script();
  return out + "</script></body></html>\n";
}

}  // namespace tributary::page
