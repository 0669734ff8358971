// What the server refused, in the person's words.

import { has, language, t } from "./messages.js";
import { test, testLabel } from "./vocabulary.js";

/** One sentence or two: the page's own for the kind of problem; the server's detail, which is
 *  English, where it says more about what was entered. */
export function problemWords(problem) {
  const { detail, kind, status } = problem;
  const field = problem.field ? testLabel(problem.field) : "";
  const why = detail.match(/ is contradictory: (.+)$/)?.[1];
  if (why) return language() === "en" ? sentence(why) : t("problem.bad-reading.contradictory", { field });
  const control = kind === "bad-reading" ? test(problem.field) : null;
  // The server's detail has the syntax of the command line, which nobody needs here.
  if (control?.kind === "interval") {
    const { name, min, max } = control;
    return t("problem.bad-reading.interval", { field, example: t(`number.example.${name}`), min, max });
  }
  const own = `problem.${kind}`;
  const general = `problem.status.${status}`;
  if (kind === "too-large" || status === 413 || status >= 500) return t([own, general].find(has) ?? "problem.other", { field });
  if (language() === "en" && detail) return sentence(detail);
  const name = kind === "not-an-image" && photograph(detail);
  if (name) return t("problem.not-an-image.named", { name });
  if (has(own)) return t(own, { field });
  const said = t(has(general) ? general : "problem.other", { field });
  return detail ? `${said} (${detail})` : said;
}

/** What is wrong with a stone of a collection. `error`: of its report. */
export function rowProblemWords(error) {
  if (language() === "en") return sentence(error);
  const name = photograph(error);
  if (name) return t("collection.bad-photo", { name });
  const [, field, value] = error.match(/^(?:unknown )?(\w+) ["'](.*?)["']/) ?? [];
  return test(field) ? t("collection.bad-reading", { field: testLabel(field), value }) : sentence(error);
}

/** What the server remarks about a collection's table. */
export function noteWords(note) {
  const [, count] = note.match(/^photographs that no row names.*: (\d+)$/) ?? [];
  if (count) return t("collection.note.unnamed", { count });
  const [, name, known] = note.match(/^column ["'](.*)["'] is carried along unread; was ["'](.*)["'] meant\?$/) ?? [];
  return name ? t("collection.note.column", { name, known }) : sentence(note);
}

function photograph(detail) {
  return detail.match(/^photograph (.+?): /)?.[1];
}

function sentence(detail) {
  const capital = detail.charAt(0).toUpperCase() + detail.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
