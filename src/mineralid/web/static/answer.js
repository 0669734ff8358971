// The answer to one stone, told anew at every change.

import { el, fill, show } from "./dom.js";
import { doubts, doubtWords } from "./answer/doubts.js";
import { evidence } from "./answer/evidence.js";
import { headline } from "./answer/headline.js";
import { nextTest } from "./answer/next_test.js";
import { outside } from "./answer/outside.js";
import { ranking } from "./answer/ranking.js";
import { safety } from "./answer/safety.js";
import { t } from "./messages.js";
import { named } from "./names.js";
import { problemWords } from "./problems.js";
import { percent } from "./wording.js";
import { test } from "./vocabulary.js";

/** Tell a stone's answers in `root`. `openTest`, `openCard`: where buttons lead; `keep`: see
 *  steady.js; `say`: for screen readers. Returns {tell} for a change of language. */
export function answerPanel(root, stone, { openTest, openCard, keep, say }) {
  const parts = Object.fromEntries([...root.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]));
  const rankingState = { all: false };
  let turn = 0;

  async function tell() {
    const { report } = stone;
    const mine = (turn += 1);
    const said = report ? await headline(report, openCard) : [];
    if (mine !== turn) return; // a newer answer came while the catalogue was asked
    const focus = focused(root);
    keep(() => put(report, said));
    focus();
    if (report) say(summary(report));
  }

  function put(report, said) {
    show(parts.welcome, !report);
    for (const each of root.querySelectorAll("[data-with-answer]")) show(each, Boolean(report));
    if (!report) return;
    fill(parts.headline, said);
    fill(parts.doubts, doubts(report, stone.readings, openTest));
    fill(parts.safety, safety(report));
    fill(parts.ranking, ranking(report, openCard, rankingState));
    section(parts.next, nextTest(report, openTest));
    section(parts.evidence, report.readings.length ? evidence(report, stone.readings) : []);
    section(parts.outside, outside(report, openCard));
    fill(parts.made, madeBy(report));
  }

  stone.addEventListener("answer", tell);
  stone.addEventListener("busy", (event) => {
    root.classList.toggle("is-busy", event.detail);
    parts.lead.setAttribute("aria-busy", String(event.detail));
  });
  stone.addEventListener("problem", (event) => {
    const problem = event.detail;
    const elsewhere = !problem || problem.field === "photos" || test(problem.field) || [413, 415].includes(problem.status);
    fill(parts.problem, elsewhere ? [] : el("p", { class: "field-error", role: "alert", text: problemWords(problem) }));
  });
  stone.addEventListener("waiting", (event) => {
    fill(parts.problem, el("p", { class: "hint", text: t("busy.waiting", { seconds: event.detail }) }));
  });
  return { tell };
}

/** What is said to who does not see the ranking. */
export function summary(report) {
  const first = report.candidates.slice(0, 3).map((c) => t("name.percent.plain", { name: named(c.name), percent: percent(c.probability) }));
  const doubted = report.readings.filter((r) => r.status !== "used").map((r) => doubtWords(report, r));
  const level =
    report.level === "unknown" ? t(report.why_unknown === "none of these" ? "answer.unknown" : "answer.undecided") : named(report.answer);
  return [t("say.answer", { level }), t("say.ranking", { list: first.join(t("list.comma")) }), ...doubted].join(" ");
}

/** A part with a heading of its own: hidden where there is nothing to say. */
function section(part, content) {
  fill(part.querySelector("[data-body]"), content);
  show(part, content.flat(Infinity).filter(Boolean).length > 0);
}

/** Remember what had the focus, by its place among its part's buttons; returns how to give it back. */
function focused(root) {
  const active = document.activeElement;
  const part = active?.closest?.("[data-part]");
  if (!part || !root.contains(part)) return () => {};
  const key = (button) => `${button.className} ${button.textContent.replace(/[\d.,<>%]+/g, "")}`;
  const was = key(active);
  return () => [...part.querySelectorAll("button, summary")].find((button) => key(button) === was)?.focus({ preventScroll: true });
}

function madeBy(report) {
  const { mineralid, bundle, catalogue } = report.versions;
  const trust = report.trust === null ? "" : t("made.trust", { percent: percent(report.trust) });
  return el("p", { class: "hint", text: [t("made.by", { mineralid, bundle, catalogue }), trust].filter(Boolean).join(t("sentence.join")) });
}
