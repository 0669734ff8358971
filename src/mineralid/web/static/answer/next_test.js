// The best next test, and what each outcome of it would mean.

import { el, icon } from "../dom.js";
import { t } from "../messages.js";
import { named } from "../names.js";
import { swatch } from "../swatch.js";
import { howTo, outcomeWords, percent, worthMaking } from "../wording.js";
import { test as testOf, testLabel, tokenOf } from "../vocabulary.js";
import { bar } from "./ranking.js";

const CLEAR = 0.4;

/** The card of the best test, the others folded away; `openTest(name)` goes to the control. */
export function nextTest(report, openTest) {
  if (!report.next_tests.length) return [];
  const worth = worthMaking(report);
  if (!worth.length) return [el("p", { class: "hint", text: t("next.nothing") })];
  const [best, ...others] = worth;
  return [
    advice(best, report, openTest, true),
    others.length
      ? el("details", { class: "more-tests" },
          el("summary", { text: t("next.others", { tests: others.map((o) => testLabel(o.test)).join(t("list.comma")) }) }),
          others.map((test) => advice(test, report, openTest, false)))
      : "",
  ];
}

function advice(test, report, openTest, isBest) {
  const harm = test.destructive ? t(`harm.${test.destructive}`) : "";
  const caution = harm && report.safety.length ? t("next.mind-safety") : "";
  return el(
    "article",
    { class: isBest ? "next next-best" : "next" },
    el("h3", { class: "next-title" }, icon(`test-${test.test}`), el("span", { text: testLabel(test.test) })),
    el("p", { class: "next-how" }, [howTo(test.test, test.advice), harm, caution].filter(Boolean).join(t("sentence.join"))),
    el("p", { class: "hint", text: t("next.bits", { bits: test.information_bits.toFixed(2) }) }),
    el("table", { class: "outcomes" },
      el("caption", { class: "visually-hidden", text: t("next.caption", { test: testLabel(test.test) }) }),
      el("thead", { class: "visually-hidden" }, el("tr", {},
        ["next.outcome", "next.chance", "next.then"].map((key) => el("th", { scope: "col", text: t(key) })))),
      el("tbody", {}, test.outcomes.map((outcome) => outcomeRow(test.test, outcome)))),
    el("button", {
      class: isBest ? "button" : "button secondary", type: "button",
      text: t("next.enter", { test: testLabel(test.test) }), on: { click: () => openTest(test.test) },
    }),
  );
}

function outcomeRow(test, outcome) {
  const token = test === "streak" ? tokenOf(test, outcome.outcome) : null;
  const rgb = token && testOf("streak").words.find((word) => word.token === token).rgb;
  const clear = outcome.leader_probability >= CLEAR;
  const then = t("name.percent.plain", { name: named(outcome.leader), percent: percent(outcome.leader_probability) });
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, token ? swatch(rgb) : "", el("span", { text: outcomeWords(test, outcome.outcome) })),
    el("td", { class: "outcome-chance" }, percent(outcome.probability), bar(outcome.probability, "bar-thin")),
    el("td", { class: "outcome-then", text: `→ ${clear ? then : t("next.open", { then })}` }),
  );
}
