// The words and numbers that an answer is told in; as the command line has them.

import { has, t } from "./messages.js";
import { asWords, listed } from "./readings.js";
import { testLabel, tokenOf, wordLabel } from "./vocabulary.js";

const LEAST_BITS = 0.05;

/** 87 %, 1.4 %, <0.1 %; never a round 0 or 100 for what is neither. */
export function percent(probability) {
  const hundred = 100 * probability;
  let number = hundred.toFixed(0);
  if (hundred > 0 && hundred < 0.05) number = "<0.1";
  else if (hundred < 9.95) number = hundred.toFixed(1);
  else if (hundred >= 99.5 && hundred < 100) number = ">99";
  return t("percent", { number });
}

/** A log-likelihood ratio in nats as a factor: ×4.2, ÷30. */
export function times(logRatio) {
  const number = factor(logRatio);
  const sign = logRatio >= 0 ? "×" : "÷";
  return number.startsWith(">") ? `>${sign}${number.slice(1)}` : sign + number;
}

/** The factor alone: 4.2, 30, >1000. */
export function factor(logRatio) {
  const value = Math.exp(Math.min(Math.abs(logRatio), 7));
  if (value > 1000) return ">1000";
  return value < 9.95 ? value.toFixed(1) : value.toFixed(0);
}

/** A reading of the report: as the person entered it here, else as it was given. */
export function readingWords(finding, value) {
  if (value && !value.raw) return asWords(finding.test, value);
  return finding.given;
}

/** An outcome of a test that was not made: a word of its vocabulary, or a named range. */
export function outcomeWords(test, outcome) {
  const token = tokenOf(test, outcome);
  if (token) return wordLabel(test, token);
  const key = `outcome.${test}.${outcome}`;
  return has(key) ? t(key) : outcome;
}

/** The tests that are expected to tell enough to be worth making, best first. */
export function worthMaking(report) {
  return report.next_tests.filter((test) => test.information_bits >= LEAST_BITS);
}

/** The best of them, or undefined. */
export function bestTest(report) {
  return report ? worthMaking(report)[0] : undefined;
}

/** How a test is made: the page's own words, else the server's. */
export function howTo(test, fallback = "") {
  return has(`how.${test}`) ? t(`how.${test}`) : fallback;
}

/** A sentence of the catalogue (a hazard), in the language of the page where it has one. */
export function sentence(text) {
  const key = `hazard.${slug(text)}`;
  return has(key) ? t(key) : text;
}

/** A safety note of a report is "Name, Name: sentence". */
export function safetyNote(note, named) {
  const cut = note.indexOf(": ");
  if (cut < 0) return { names: "", text: sentence(note) };
  const names = note.slice(0, cut).split(", ").map(named);
  return { names: listed(names, "and"), text: sentence(note.slice(cut + 2)) };
}

/** The key of a sentence in the message table: its words, joined by dashes. */
export function slug(text) {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
}

/** "your streak", in the language of the page. */
export function yourTest(test) {
  return t("your", { test: testLabel(test) });
}
