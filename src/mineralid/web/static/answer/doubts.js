// What speaks against the answer: a reading that the rest contradicts, a mineral that fits better.

import { el, icon } from "../dom.js";
import { t } from "../messages.js";
import { named } from "../names.js";
import { testLabel } from "../vocabulary.js";
import { factor, percent, readingWords, yourTest } from "../wording.js";

const MUCH_BETTER = Math.log(10);
const LEAST_OUTSIDE = 0.002;

/** Call-outs; `openTest(name)` goes to the test that should be made again. */
export function doubts(report, readings, openTest) {
  return [...readingDoubts(report, readings, openTest), rival(report), wrongRecord(report)].filter(Boolean);
}

/** One sentence for a doubted reading: "Your streak contradicts the rest: check it on fresh powder." */
export function doubtWords(report, finding) {
  const alone = report.readings.length === 1 && !report.photos.length && report.set_basis === "model";
  const status = alone ? "alone" : finding.status;
  const again = `again.${finding.test}`;
  const check = t(again) === again ? t("again.other") : t(again);
  return t(`doubt.${status}`, { test: testLabel(finding.test), check });
}

function readingDoubts(report, readings, openTest) {
  return report.readings
    .filter((finding) => finding.status !== "used")
    .map((finding) =>
      callout(
        `doubt-${finding.status}`,
        doubtWords(report, finding),
        t("doubt.entered", { reading: readingWords(finding, readings[finding.test]) }),
        el("button", {
          class: "link", type: "button", text: t("doubt.open", { your: yourTest(finding.test) }),
          on: { click: () => openTest(finding.test) },
        }),
      ),
    );
}

function rival(report) {
  if (report.level !== "species" && report.level !== "group") return null;
  const rivals = report.outside.filter(
    (o) => o.log_likelihood_ratio >= MUCH_BETTER && o.probability >= LEAST_OUTSIDE,
  );
  if (!rivals.length) return null;
  const best = rivals.reduce((a, b) => (b.probability > a.probability ? b : a));
  return callout(
    "doubt-doubted",
    t("doubt.rival", { name: named(best.name), times: factor(best.log_likelihood_ratio) }),
  );
}

function wrongRecord(report) {
  const assumed = report.trust === null ? 0 : 1 - report.trust;
  if (report.wrong_record === null || report.wrong_record < Math.max(0.2, assumed + 0.05)) return null;
  return callout("doubt-doubted", t("doubt.record", { percent: percent(report.wrong_record) }));
}

function callout(kind, words, ...more) {
  return el(
    "div",
    { class: `callout ${kind}` },
    icon("warning"),
    el("div", { class: "callout-body" }, el("p", { class: "callout-words", text: words }),
      more.map((each) => (typeof each === "string" ? el("p", { class: "callout-more", text: each }) : each))),
  );
}
