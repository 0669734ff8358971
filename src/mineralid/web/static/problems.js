// What the server refused, in the person's words.

import { has, language, t } from "./messages.js";
import { testLabel } from "./vocabulary.js";

/** One sentence or two: the page's own for the kind of problem; the server's detail, which is
 *  English, where it says more about what was entered. */
export function problemWords(problem) {
  const own = `problem.${problem.kind}`;
  const field = problem.field ? testLabel(problem.field) : "";
  const general = `problem.status.${problem.status}`;
  const said = has(own) ? t(own, { field }) : has(general) ? t(general, { field }) : t("problem.other");
  if (problem.kind === "too-large" || problem.status === 413 || problem.status >= 500) return said;
  if (language() === "en" && problem.detail) return sentence(problem.detail);
  return problem.detail ? `${said} (${problem.detail})` : said;
}

function sentence(detail) {
  const capital = detail.charAt(0).toUpperCase() + detail.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
