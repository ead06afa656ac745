#include <algorithm>
#include <array>

#include "tests/simulations/support.h"

namespace tributary::simulation {

namespace {

bool is_void(std::string_view name) {
  constexpr std::array<std::string_view, 3> kVoid = {"meta", "link", "!doctype"};
  return std::find(kVoid.begin(), kVoid.end(), name) != kVoid.end();
}

bool is_entity(std::string_view text) {
  constexpr std::array<std::string_view, 5> kEntities = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
  return std::any_of(kEntities.begin(), kEntities.end(), [text](auto entity) { return text.starts_with(entity); });
}

// The end of the tag that begins at `at`, quotes respected; npos when a quote or the tag stays open.
std::size_t end_of_tag(std::string_view html, std::size_t at) {
  bool quoted = false;
  for (; at < html.size(); ++at) {
    if (html[at] == '"') quoted = !quoted;
    if (quoted && html[at] == '<') return std::string_view::npos;
    if (!quoted && html[at] == '>') return at;
  }
  return std::string_view::npos;
}

}  // namespace

std::string fault_of_html(std::string_view html) {
  std::vector<std::string> open;
  for (std::size_t at = 0; at < html.size(); ++at) {
    if (html[at] == '&' && !is_entity(html.substr(at))) return "bare & at " + std::string(html.substr(at, 30));
    if (html[at] != '<') continue;
    const std::size_t end = end_of_tag(html, at);
    if (end == std::string_view::npos) return "open tag at " + std::string(html.substr(at, 60));
    const std::string_view tag = html.substr(at + 1, end - at - 1);
    const std::string name(
        tag.substr(tag.starts_with('/') ? 1 : 0, tag.find_first_of(" />", 1) - (tag.starts_with('/') ? 1 : 0)));
    at = end;
    if (tag.starts_with('/')) {
      if (open.empty() || open.back() != name) return "</" + name + "> closes nothing";
      open.pop_back();
    } else if (!tag.ends_with('/') && !is_void(name)) {
      open.push_back(name);
      if (name == "style" || name == "script") at = html.find("</" + name, at) - 1;
    }
  }
  return open.empty() ? "" : "<" + open.back() + "> is left open";
}

}  // namespace tributary::simulation
