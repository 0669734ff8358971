// What a row of a collection is called, and what its answer is in a few words.

import { t } from "../messages.js";
import { named } from "../names.js";
import { rowProblemWords } from "../problems.js";
import { percent } from "../wording.js";

/** The stone's name in the list: its photograph's, or the first column carried along, or its number. */
export function rowTitle({ report }) {
  if (report.photos.length) return report.photos.map((path) => path.split("/").at(-1)).join(t("list.comma"));
  const row = t("collection.row", { number: report.row });
  const carried = Object.values(report.carried).find((text) => text);
  return carried ? `${row} · ${carried}` : row;
}

/** {kind, name, percent}: kind "failed", "species", "group" or "unknown". */
export function rowAnswer({ report }) {
  if (report.error !== null) return { kind: "failed", name: t("collection.failed"), percent: "", detail: rowProblemWords(report.error) };
  const best = report.candidates[0];
  if (report.level === "unknown")
    return {
      kind: "unknown",
      name: t(report.why_unknown === "none of these" ? "answer.unknown" : "answer.undecided"),
      percent: "",
      detail: t("collection.leads", { name: named(best.name), percent: percent(best.probability) }),
    };
  return {
    kind: report.level,
    name: named(report.answer),
    percent: percent(report.answer_probability ?? best.probability),
    detail: report.prediction_set.length > 1 ? t("collection.or", { names: report.prediction_set.filter((n) => n !== report.answer).slice(0, 3).map(named).join(t("list.comma")) }) : "",
  };
}

/** The tests that the rest contradicts. */
export function doubted({ report }) {
  return report.readings.filter((reading) => reading.status !== "used").map((reading) => reading.test);
}

/** Whether a row is to be shown. `filter`: "all", "decided", "open", "doubted", "failed", "corrected". */
export function matches(row, { text, filter }) {
  const answer = rowAnswer(row);
  const kept = {
    all: true,
    decided: answer.kind === "species" || answer.kind === "group",
    open: answer.kind === "unknown",
    doubted: doubted(row).length > 0,
    failed: answer.kind === "failed",
    corrected: row.mineral !== "",
  }[filter];
  if (!kept) return false;
  const sought = text.trim().toLowerCase();
  if (!sought) return true;
  const { report } = row;
  return [rowTitle(row), answer.name, report.answer ?? "", row.mineral, ...report.photos, ...Object.values(report.carried)]
    .join("\n")
    .toLowerCase()
    .includes(sought);
}
