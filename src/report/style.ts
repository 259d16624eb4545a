import { declarations, FONT } from "./theme.ts";

/** The report's style sheet. */
export function styleSheet(): string {
  return `:root { color-scheme: light dark; ${declarations("light")} }
@media (prefers-color-scheme: dark) { :root { ${declarations("dark")} } }
@media print { :root { color-scheme: light; ${declarations("light")} --page: #fff; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.6 ${FONT}; -webkit-font-smoothing: antialiased; }
main, header, footer { max-width: 1080px; margin: 0 auto; padding: 0 28px; }
header { padding-top: 56px; }
h1, h2, h3, p, figure, dl, dd, ul { margin: 0; padding: 0; }
h1 { font-size: clamp(30px, 5vw, 44px); line-height: 1.12; letter-spacing: -0.022em; font-weight: 680; overflow-wrap: anywhere; }
h2 { font-size: 23px; line-height: 1.25; letter-spacing: -0.012em; font-weight: 650; }
h3 { font-size: 15px; font-weight: 620; }
a { color: inherit; }
.eyebrow { display: flex; flex-wrap: wrap; gap: 6px 14px; margin-bottom: 14px; color: var(--muted); font-size: 14px; }
.eyebrow b { color: var(--accent); font-weight: 650; }
.lede { margin-top: 12px; max-width: 74ch; color: var(--muted); font-size: 17px; overflow-wrap: anywhere; }
nav { display: flex; flex-wrap: wrap; gap: 4px 20px; margin-top: 26px; padding: 12px 0; border-top: 1px solid var(--line); border-bottom: 1px solid var(--line); font-size: 14px; }
nav a { color: var(--muted); text-decoration: none; }
nav a:hover, nav a:focus-visible { color: var(--accent); text-decoration: underline; text-underline-offset: 4px; }
section { margin-top: 56px; scroll-margin-top: 16px; }
section > p { margin-top: 6px; max-width: 74ch; color: var(--muted); }
.cards { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 14px; margin-top: 30px; }
.card { padding: 18px 20px 16px; background: var(--surface); border: 1px solid var(--line); border-radius: 12px; }
.card.main { grid-column: span 2; grid-row: span 2; display: flex; flex-direction: column; padding: 24px 26px; border-color: var(--accent); }
.main dd { display: flex; flex: 1; flex-direction: column; }
.card dt { color: var(--muted); font-size: 14px; font-weight: 550; }
.value { margin-top: 4px; font-size: 27px; line-height: 1.2; font-weight: 650; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; white-space: nowrap; }
.main .value { margin-top: 12px; font-size: clamp(44px, 7vw, 68px); letter-spacing: -0.035em; }
.main dt { font-size: 16px; }
.unit { color: var(--muted); font-size: 0.52em; font-weight: 500; letter-spacing: 0; }
.main .unit { font-size: 0.34em; }
.detail { margin-top: 6px; color: var(--muted); font-size: 13px; line-height: 1.45; }
.main .detail { font-size: 14.5px; }
.split { margin-top: auto; padding-top: 22px; }
.bar { display: flex; gap: 3px; height: 10px; }
.bar span { flex: 1 1 0; border-radius: 3px; }
.bar .data { background: var(--accent); }
.bar .code { background: var(--second); }
.keys { display: flex; flex-wrap: wrap; gap: 2px 14px; margin-top: 8px; color: var(--muted); font-size: 13.5px; font-variant-numeric: tabular-nums; }
.keys .data::before, .keys .code::before { content: ""; display: inline-block; width: 9px; height: 9px; margin-right: 6px; border-radius: 2px; background: var(--accent); }
.keys .code::before { background: var(--second); }
.findings { display: grid; gap: 12px; margin-top: 18px; padding: 22px 24px; list-style: none; background: var(--surface); border: 1px solid var(--line); border-radius: 12px; }
.findings li { display: grid; grid-template-columns: 22px 1fr; gap: 10px; }
.mark { width: 20px; height: 20px; margin-top: 3px; border-radius: 50%; color: var(--surface); font-size: 12px; line-height: 20px; font-weight: 700; text-align: center; background: var(--muted); }
.good .mark { background: var(--good); }
.warning .mark { background: var(--warning); }
.plate { padding: 18px 20px; background: var(--surface); border: 1px solid var(--line); border-radius: 12px; }
.plate figcaption { color: var(--muted); font-size: 14px; line-height: 1.5; }
.plate h3 { margin-bottom: 8px; color: var(--ink); }
.plate svg { display: block; width: 100%; height: auto; overflow: visible; }
.curves { display: grid; grid-template-columns: 1.55fr 1fr; grid-template-rows: auto auto; gap: 14px; margin-top: 18px; }
.curves .plate { min-width: 0; }
.curves .plate:first-child { grid-row: span 2; }
.curves .plate:only-child { grid-column: span 2; }
.further { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 14px; margin-top: 14px; }
.further .plate { min-width: 0; }
.wide { margin-top: 18px; }
.scatter { max-width: 760px; }
.pictures { display: flex; flex-wrap: wrap; gap: 14px; margin-top: 18px; align-items: flex-start; }
.pictures .plate { max-width: 100%; }
img { display: block; max-width: 100%; height: auto; border-radius: 4px; image-rendering: pixelated; }
.plate img + figcaption { margin-top: 10px; }
.rows { display: grid; gap: 10px; }
.row { display: grid; grid-template-columns: 92px 1fr; gap: 16px; align-items: center; }
.row b { display: block; font-size: 15px; font-variant-numeric: tabular-nums; line-height: 1.3; }
.row small { color: var(--muted); font-size: 13px; font-variant-numeric: tabular-nums; white-space: nowrap; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: 14.5px; font-variant-numeric: tabular-nums; }
th { padding: 6px 0 8px; color: var(--muted); font-weight: 550; text-align: left; white-space: nowrap; border-bottom: 1px solid var(--line); }
td { padding: 8px 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
tr:last-child td { border-bottom: 0; }
th + th, td + td { padding-left: 14px; }
th.number, td.number { text-align: right; white-space: nowrap; }
.words div { display: grid; grid-template-columns: 170px 1fr; gap: 16px; padding: 8px 0; font-size: 14.5px; border-bottom: 1px solid var(--line); }
.words div:last-child { border-bottom: 0; }
.words dt { font-weight: 620; }
.words dd { color: var(--muted); }
.details { display: grid; grid-template-columns: 1fr 1fr; gap: 14px; margin-top: 18px; align-items: start; }
.details > :only-child { grid-column: span 2; }
.details td:first-child { width: 42%; color: var(--muted); }
pre { margin: 0; overflow-x: auto; font: 13px/1.55 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
pre .key { color: var(--accent); }
pre .text { color: var(--good); }
pre .number { color: var(--second); }
footer { margin-top: 64px; padding-bottom: 48px; color: var(--muted); font-size: 13.5px; }
@media screen and (max-width: 820px) {
  main, header, footer { padding-left: 18px; padding-right: 18px; }
  header { padding-top: 32px; }
  section { margin-top: 44px; }
  .cards { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 10px; }
  .card { padding: 14px; }
  .card.main { padding: 20px; }
  .value { font-size: 23px; white-space: normal; }
  .curves, .details { grid-template-columns: minmax(0, 1fr); }
  .curves .plate:first-child, .details > :only-child { grid-row: auto; grid-column: auto; }
  .curves .plate + .plate svg { max-width: 520px; }
  .plate { padding: 14px; }
  .bars > div { overflow-x: auto; }
  .bars svg { min-width: 640px; }
  .row, .words div { grid-template-columns: 1fr; gap: 4px; }
  .row b, .row small { display: inline; margin-right: 8px; }
}
@media print {
  body { font-size: 11pt; }
  main, header, footer { max-width: none; padding: 0; }
  nav { display: none; }
  .cards, .curves, .pictures { gap: 8px; }
  .card { padding: 10px 12px; }
  .card .value { font-size: 19px; }
  .card.main .value { font-size: 44px; }
  .detail { font-size: 11px; }
  section { margin-top: 28px; }
  h2 { break-after: avoid; }
  .plate, .card, .findings li, .row { break-inside: avoid; }
  pre { white-space: pre-wrap; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}`;
}
