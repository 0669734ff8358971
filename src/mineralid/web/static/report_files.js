// The report to keep: the server's own JSON, a table for a spreadsheet, or paper.

import { csv } from "./csv.js";
import { save } from "./save.js";
import { named } from "./names.js";
import { asText } from "./readings.js";

/** Set up the buttons data-save="json|csv|print" within `root`; [data-printed] tells when it was printed. */
export function reportFiles(root, stone) {
  const ways = {
    json: () => save(`${stem(stone.report)}.json`, "application/json", `${JSON.stringify(plain(stone.report), null, 2)}\n`),
    csv: () => save(`${stem(stone.report)}.csv`, "text/csv;charset=utf-8", table(stone)),
    print: () => window.print(),
  };
  window.addEventListener("beforeprint", () => {
    root.querySelector("[data-printed]").textContent = new Date().toLocaleString(document.documentElement.lang);
  });
  for (const button of root.querySelectorAll("[data-save]"))
    button.addEventListener("click", () => stone.report && ways[button.dataset.save]());
}

/** The report as the command line writes it: the token is this page's own affair. */
function plain(report) {
  const { token, ...rest } = report;
  return rest;
}

function table(stone) {
  const { report, readings } = stone;
  const tests = Object.keys(readings);
  const inSet = new Set(report.prediction_set);
  const head = ["rank", "mineral", "name", "probability", "in_set", "level", "answer", ...tests];
  const given = tests.map((test) => asText(readings[test]));
  return csv([
    head,
    ...report.candidates.map((c, i) => [
      i + 1, c.name, named(c.name), c.probability, inSet.has(c.name), report.level, report.answer ?? "", ...given,
    ]),
  ]);
}

function stem(report) {
  const name = report.answer ?? report.candidates[0]?.name ?? "stone";
  return `mineralid-${name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-")}`;
}
