# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The look of the pages: on a screen light or dark as the reader has set it, on paper always light."""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--page:#f4f5f7;--card:#fff;--ink:#1b1f24;--muted:#59616d;--line:#dfe3e8;
--accent:#005a8e;--good:#00694c;--good-soft:#dcf2ea;--bad:#a33200;--bad-soft:#fbe9e0;--neutral-soft:#e9ecf0}
@media screen and (prefers-color-scheme:dark){:root{--page:#111418;--card:#1a1e24;--ink:#e9ecf0;--muted:#a4adb9;
--line:#313842;--accent:#7cc4ef;--good:#4fd6ae;--good-soft:#12352b;--bad:#ff9d70;--bad-soft:#3d2317;
--neutral-soft:#2a3038}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif}
main{max-width:1180px;margin:0 auto;padding:40px 24px 56px}
h1,h2,h3,p,ul,dl,dd,figure{margin:0}
h1{font-size:30px;line-height:1.2;letter-spacing:-.01em}
h1,h2,h3,li,dd,td,p{overflow-wrap:anywhere}
h2{font-size:21px;line-height:1.3;margin-bottom:16px}
h3{font-size:15px}
.kind{color:var(--accent);font-weight:600;font-size:13px;letter-spacing:.06em;text-transform:uppercase;margin-bottom:4px}
.line,.aside,.small,figcaption span,small{color:var(--muted)}
.line{margin-top:8px}
.aside{font-size:15px;font-weight:400;margin-left:12px}
section{margin-top:44px}
.answer{margin-top:28px}
.summary{font-size:21px;line-height:1.4;max-width:52em;text-wrap:pretty}
.prose{max-width:52em;margin-bottom:20px}
.tiles,.charts,.notes{display:grid;gap:16px}
.tiles,.charts{grid-template-columns:repeat(auto-fit,minmax(min(100%,320px),1fr))}
.tiles{margin-top:20px}
.tile,.card,.note,.scroll{background:var(--card);border:1px solid var(--line);border-radius:10px}
.tile{padding:18px 20px 20px}
.tile h2{font-size:15px;margin:0;color:var(--muted);font-weight:600}
.big{font-size:15px;margin:0 0 10px}
.big strong{font-size:38px;line-height:1.2;letter-spacing:-.02em;font-variant-numeric:tabular-nums}
.small{font-size:14px;margin-top:6px}
.sure{display:flex;flex-wrap:wrap;gap:4px 10px;align-items:center;font-size:13px;color:var(--muted)}
.badge{display:inline-block;border-radius:999px;padding:1px 10px;font-size:13px;font-weight:600;white-space:nowrap;
background:var(--neutral-soft);border:1px solid transparent}
.badge.good{color:var(--good);background:var(--good-soft)}
.badge.bad{color:var(--bad);background:var(--bad-soft)}
.card{padding:16px 20px 14px}
.charts.uneven{align-items:start}
.charts.one{grid-template-columns:minmax(0,560px);margin-bottom:16px}
figcaption{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 12px;margin-bottom:10px}
figcaption span{font-size:13px}
.unknown{color:var(--muted)}
.note{padding:14px 18px;border-left:4px solid var(--muted)}
.note.bad{border-left-color:var(--bad)}
.note.bad h3{color:var(--bad)}
.note ul{padding-left:18px;margin-top:4px}
.scroll{overflow-x:auto;margin-top:16px}
.scroll:focus-visible,summary:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
caption{text-align:left;padding:12px 12px 8px;color:var(--muted);font-size:13px}
th,td{padding:8px 12px;text-align:right;vertical-align:top;white-space:nowrap;border-top:1px solid var(--line)}
thead th{font-weight:600;font-size:13px;color:var(--muted);vertical-align:bottom;border-top:0}
thead small{display:block;font-weight:400}
th:first-child{text-align:left}
td.text,th.text{text-align:left;white-space:normal;min-width:7em}
tbody th{font-weight:600;white-space:normal;min-width:10em}
.number small{display:block;font-size:12px}
td .number{display:block;text-align:right}
.tool{white-space:nowrap}
.swatch{vertical-align:-1px;margin-right:4px}
.facts{display:grid;gap:12px 28px;grid-template-columns:repeat(auto-fit,minmax(min(100%,280px),1fr));margin-bottom:20px}
dt{color:var(--muted);font-size:13px}
details{margin-top:20px}
summary{cursor:pointer;font-weight:600;padding:6px 0}
a{color:var(--accent)}
footer{margin-top:48px;color:var(--muted);font-size:13px;border-top:1px solid var(--line);padding-top:14px}
@media (max-width:560px){main{padding:24px 16px 40px}h1{font-size:21px}.summary{font-size:18px}
.aside{display:block;margin:2px 0 0}.card{padding:14px 14px 12px}th,td{padding:7px 12px}}
@media print{
@page{size:A4;margin:14mm 12mm}
:root{--page:#fff}
body{font-size:10.5pt}
main{max-width:none;padding:0}
section{margin-top:22px}
h1,h2,h3,figcaption,caption,thead,summary{break-after:avoid;break-inside:avoid}
.tile,.card,.note,tr{break-inside:avoid}
.charts{grid-template-columns:1fr 1fr;gap:10px}
.tiles{grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:10px}
.big strong{font-size:26pt}
.dataset{break-before:page}
.facts div{break-inside:avoid}
.dataset .scroll{break-inside:avoid}
.card{padding:10px 12px 6px}
figcaption{margin-bottom:4px}
tbody th{min-width:6.5em}
td.text,th.text{min-width:5.5em}
#runs{font-size:6.5pt}
#runs th,#runs td{padding:2px 3px}
.scroll{overflow:visible;border:0}
table{font-size:8pt}
th,td{padding:3px 4px}
th,thead th{white-space:normal;font-size:inherit}
thead small,.number small{font-size:7pt}
.tool{white-space:normal}
td .badge{font-size:7.5pt;padding:0 6px}
caption{padding:6px 5px 4px}
.scroll{margin-top:8px}
.bar,.badge,.pattern,.dot{-webkit-print-color-adjust:exact;print-color-adjust:exact}
details::details-content{content-visibility:visible;block-size:auto}
thead{display:table-header-group}
}
"""
