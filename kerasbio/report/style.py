"""The look of a report: system fonts, light and dark, from a telephone to a wide screen."""

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #1b2430; --soft: #5a6675; --line: #dde2e8;
  --accent: #0b63a5; --shade: #f0f3f6; --note: #fff8e6; --note-line: #d9a400;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161c; --card: #1a2029; --ink: #e5e9ee; --soft: #9ba7b5; --line: #313b48;
    --accent: #6db3ea; --shade: #222a35; --note: #2b2616; --note-line: #c79a1b;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink); line-height: 1.55;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  overflow-wrap: break-word;
}
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
header { border-bottom: 1px solid var(--line); padding-bottom: 1.5rem; margin-bottom: 1.5rem; }
.eyebrow {
  margin: 0 0 .35rem; color: var(--accent); font-size: .8rem; font-weight: 600;
  letter-spacing: .06em; text-transform: uppercase;
}
h1 { margin: 0; font-size: clamp(1.5rem, 1.1rem + 1.8vw, 2.1rem); line-height: 1.2; }
h2 { margin: 2.75rem 0 .75rem; font-size: 1.25rem; line-height: 1.3; }
h3 { margin: 1.75rem 0 .5rem; font-size: 1rem; line-height: 1.3; }
p { margin: .5rem 0; max-width: 46rem; }
.headline {
  max-width: none; text-wrap: balance; margin: 1rem 0 .5rem;
  font-size: clamp(1.05rem, 1rem + .4vw, 1.25rem); font-weight: 600;
}
.soft { color: var(--soft); }
.note {
  margin: 1rem 0; padding: .65rem 1rem; background: var(--note);
  border-left: 4px solid var(--note-line); border-radius: 4px;
}
.note p { max-width: none; margin: 0; }
dl { margin: .75rem 0; display: grid; grid-template-columns: minmax(6rem, max-content) 1fr;
  gap: .4rem 1.5rem; }
dt { color: var(--soft); }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
.scroll {
  overflow-x: auto; margin: .75rem 0; background: var(--card);
  border: 1px solid var(--line); border-radius: 8px;
}
table {
  border-collapse: separate; border-spacing: 0; width: 100%;
  font-variant-numeric: tabular-nums;
}
caption { text-align: left; padding: .65rem .9rem 0; color: var(--soft); font-size: .9rem; }
th, td { padding: .42rem .9rem; text-align: right; vertical-align: baseline; }
thead th { border-bottom: 2px solid var(--line); font-weight: 600; line-height: 1.3; }
th:first-child { text-align: left; }
tbody th { font-weight: 400; min-width: 11rem; }
tbody tr + tr th, tbody tr + tr td { border-top: 1px solid var(--line); }
tbody .group th {
  background: var(--shade); color: var(--soft); font-size: .8rem; font-weight: 600;
  letter-spacing: .04em; text-transform: uppercase; padding-top: .5rem; padding-bottom: .3rem;
}
.value { font-weight: 600; }
.interval, .whole { white-space: nowrap; }
.interval { color: var(--soft); font-size: .9em; }
.interval::before { content: "("; }
.interval::after { content: ")"; }
.figures, .tiles { display: grid; gap: 1rem; margin: 1rem 0; }
.figures { grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); }
.figures.pair { grid-template-columns: repeat(auto-fill, minmax(min(100%, 25rem), 1fr)); }
.tiles { grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); }
figure { margin: 0; background: #ffffff; border: 1px solid var(--line); border-radius: 8px;
  overflow: hidden; display: flex; flex-direction: column; break-inside: avoid; }
figure img { display: block; width: 100%; height: auto; background: #ffffff; }
figcaption { flex: 1; padding: .55rem .8rem .7rem; font-size: .86rem; line-height: 1.4;
  background: var(--card); border-top: 1px solid var(--line); color: var(--soft); }
figcaption strong { display: block; color: var(--ink); }
pre { overflow-x: auto; margin: .75rem 0; padding: .75rem 1rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 8px; font-size: .88rem; line-height: 1.45; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line);
  color: var(--soft); font-size: .86rem; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
@media (max-width: 40rem) {
  main { padding: 1.5rem .75rem 3rem; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .6rem; }
  table { font-size: .85rem; }
  th, td { padding: .4rem .3rem; }
  th:first-child, caption { padding-left: .6rem; }
  td:last-child, th:last-child { padding-right: .6rem; }
  tbody th { position: sticky; left: 0; min-width: 6rem; background: var(--card); }
  td .interval { display: block; font-size: .82em; }
  td .interval::before, td .interval::after { content: none; }
}
@media print { body { background: #ffffff; } .scroll { overflow: visible; } }
"""
