#include "common/page/page.h"

namespace tributary::page {

std::string_view style() {
  return R"css(
:root { color-scheme: light dark;
  --page: #f4f5f4; --card: #ffffff; --ink: #14201d; --soft: #5b6865; --line: #e2e6e4; --level: #7a8784;
  --c1: #1f6fb2; --c2: #e0662b; --c3: #12916b; --c4: #b98000; --c5: #6a4fb3; --c6: #cf3a4a; --heat: #1f6fb2; }
@media (prefers-color-scheme: dark) { :root {
  --page: #101413; --card: #181e1c; --ink: #e9efed; --soft: #9aa8a4; --line: #2a3330; --level: #84928e;
  --c1: #5aa9e6; --c2: #ee8a55; --c3: #3fbf97; --c4: #d9a938; --c5: #a492e6; --c6: #ef6f7b; --heat: #5aa9e6; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", Roboto, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 28px 20px 48px; }
header { border-left: 4px solid var(--c1); padding-left: 14px; margin-bottom: 22px; }
h1 { font-size: 27px; line-height: 1.2; margin: 0; letter-spacing: -.01em; overflow-wrap: anywhere; }
header p { margin: 4px 0 0; color: var(--soft); }
h2 { font-size: 17px; margin: 34px 0 12px; }
.tiles { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 172px), 1fr)); }
.tile, figure, .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.tile { padding: 13px 16px 12px; }
.tile h3 { margin: 0; font-size: 13px; font-weight: 500; color: var(--soft); }
.tile strong { display: block; font-size: 25px; font-weight: 650; line-height: 1.3; letter-spacing: -.01em; }
.tile p { margin: 0; font-size: 13px; color: var(--soft); }
.plots { display: grid; gap: 14px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); }
figure { margin: 0; padding: 14px 16px 10px; min-width: 0; }
figcaption { font-weight: 600; }
figcaption small { display: block; font-size: 13px; font-weight: 400; color: var(--soft); }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; font-size: 13px; color: var(--soft); margin: 6px 0 4px; }
.legend b { color: var(--ink); font-weight: 600; font-variant-numeric: tabular-nums; }
.legend i { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 6px; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { font-size: 11px; fill: var(--soft); font-variant-numeric: tabular-nums;
  paint-order: stroke; stroke: var(--card); stroke-width: 3px; stroke-linejoin: round; }
.wide { overflow-x: auto; } .wide svg { min-width: 640px; }
.grid { stroke: var(--line); stroke-width: 1; }
.level { stroke: var(--level); stroke-width: 1.3; stroke-dasharray: 5 4; }
.line { fill: none !important; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.band { fill-opacity: .16; }
circle { stroke: var(--card); stroke-width: 1; }
.tip { fill: transparent; } .tip:hover { fill: var(--ink); fill-opacity: .06; }
i.s1 { background: var(--c1); } i.s2 { background: var(--c2); } i.s3 { background: var(--c3); }
i.s4 { background: var(--c4); } i.s5 { background: var(--c5); } i.s6 { background: var(--c6); }
.s1 { fill: var(--c1); } .s2 { fill: var(--c2); } .s3 { fill: var(--c3); }
.s4 { fill: var(--c4); } .s5 { fill: var(--c5); } .s6 { fill: var(--c6); }
.line.s1 { stroke: var(--c1); } .line.s2 { stroke: var(--c2); } .line.s3 { stroke: var(--c3); }
.line.s4 { stroke: var(--c4); } .line.s5 { stroke: var(--c5); } .line.s6 { stroke: var(--c6); }
.none { color: var(--soft); font-size: 14px; margin: 30px 0; text-align: center; }
.card { padding: 12px 16px; overflow-x: auto; }
.rounds { max-height: 560px; overflow: auto; padding: 0; }
table { border-collapse: collapse; width: 100%; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 6px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
.rounds th { position: sticky; top: 0; background: var(--card); color: var(--soft); font-weight: 600; }
tr:last-child td { border-bottom: 0; }
td.why { text-align: left; white-space: normal; min-width: 150px; color: var(--soft); }
td.code, .keys td { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, monospace; font-size: 12px; }
tr.aborted td { color: var(--c6); }
details summary { cursor: pointer; font-weight: 600; font-size: 17px; margin: 30px 0 12px; }
.keys td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.keys td:first-child { color: var(--soft); width: 1%; white-space: nowrap; }
#tip { position: fixed; display: none; pointer-events: none; z-index: 2; background: var(--ink); color: var(--page);
  font-size: 12.5px; line-height: 1.45; padding: 6px 10px; border-radius: 7px; white-space: pre; max-width: 90vw;
  font-variant-numeric: tabular-nums; }
footer { margin-top: 30px; font-size: 13px; color: var(--soft); }
@media (max-width: 560px) { main { padding: 18px 12px 32px; } .tiles { grid-template-columns: 1fr 1fr; gap: 8px; }
  .tile { padding: 10px 12px; } .tile strong { font-size: 20px; } h1 { font-size: 22px; }
  figure { padding: 12px 10px 8px; } svg text { font-size: 13px; } th, td { padding: 5px 7px; } }
)css";
}

std::string_view script() {
  return R"js(
const tip = document.getElementById('tip');
function show(event) {
  const over = event.target.closest ? event.target.closest('[data-tip]') : null;
  if (!over) { tip.style.display = 'none'; return; }
  tip.textContent = over.dataset.tip.split('|').join('\n');
  tip.style.display = 'block';
  const x = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 6);
  const y = event.clientY + 18 + tip.offsetHeight > innerHeight ? event.clientY - tip.offsetHeight - 12 : event.clientY + 18;
  tip.style.left = Math.max(4, x) + 'px';
  tip.style.top = y + 'px';
}
addEventListener('pointermove', show);
addEventListener('pointerdown', show);
)js";
}

}  // namespace tributary::page
