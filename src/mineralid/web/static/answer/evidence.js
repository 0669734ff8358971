// For and against: what each reading says of the leading minerals.

import { el, icon } from "../dom.js";
import { t } from "../messages.js";
import { named } from "../names.js";
import { factor, readingWords, times } from "../wording.js";
import { listed } from "../readings.js";
import { testLabel } from "../vocabulary.js";

const LONGEST = Math.log(30); // a factor that fills half the width
const LEAST_OWN = 0.01;

/** A card for each reading, and what is said of the bundle's own classes. */
export function evidence(report, readings) {
  const leaders = report.candidates.slice(0, 5).map((c) => c.name);
  return [
    el("div", { class: "evidence" }, report.readings.map((finding) => reading(finding, leaders, readings[finding.test]))),
    ...unheard(report),
  ];
}

function reading(finding, leaders, value) {
  const said = new Map([...finding.speaks_for, ...finding.speaks_against].map((s) => [s.name, s.log_likelihood_ratio]));
  const doubted = finding.status !== "used";
  return el(
    "section",
    { class: doubted ? "said is-doubted" : "said" },
    el("h3", { class: "said-title" }, icon(`test-${finding.test}`),
      el("span", {}, testLabel(finding.test), " ", el("span", { class: "said-value", text: readingWords(finding, value) })),
      el("span", { class: `status status-${finding.status}`, text: t(`status.${finding.status}`) })),
    el("ul", { class: "said-list" }, leaders.map((name) => support(name, said.get(name) ?? 0))),
  );
}

function support(name, ratio) {
  const share = Math.min(1, Math.abs(ratio) / LONGEST);
  const mark = el("span", { class: ratio > 0 ? "lean lean-for" : "lean lean-against" }, el("span", { class: "lean-full" }));
  mark.firstChild.style.setProperty("--share", String(share));
  mark.setAttribute("aria-hidden", "true");
  const way = ratio > 0 ? "evidence.for" : ratio < 0 ? "evidence.against" : "evidence.neither";
  return el(
    "li",
    { class: ratio > 0 ? "says-for" : ratio < 0 ? "says-against" : "says-neither" },
    el("span", { class: "says-name", text: named(name) }),
    mark,
    el("span", { class: "says-times", "aria-hidden": "true", text: ratio ? times(ratio) : "–" }),
    el("span", { class: "visually-hidden", text: t(way, { times: factor(ratio) }) }),
  );
}

/** Own classes of the bundle of which it states no facts: readings say nothing of them. */
function unheard(report) {
  const silent = report.candidates
    .filter((c) => c.name in report.own_minerals && c.probability >= LEAST_OWN)
    .filter((c) => report.readings.some((r) => !report.own_minerals[c.name].includes(r.test)));
  if (!silent.length) return [];
  return [el("p", { class: "hint", text: t("evidence.own", { names: listed(silent.map((c) => named(c.name)), "and") }) })];
}
