// What a person entered for a test: as the server reads it, and as the page says it.
//
// A value is null (not tested) or one of: {tokens: [...]} for words; {number: "6-6.5", tools:
// {coin: "above" | "below"}} for hardness; {number: "2.65"} for density; {raw: "..."} as written
// elsewhere (a table). "above": the stone scratches the tool.

import { t } from "./messages.js";
import { wordLabel } from "./vocabulary.js";

/** The value, or null where nothing of it is filled in. */
export function normal(value) {
  if (!value) return null;
  const filled =
    value.raw?.trim() || value.number?.trim() || value.tokens?.length || Object.keys(value.tools ?? {}).length;
  return filled ? value : null;
}

/** As the server reads it; "" where it was not tested. */
export function asText(value) {
  const given = normal(value);
  if (!given) return "";
  if (given.raw) return given.raw;
  if (given.tokens) return given.tokens.join(" or ");
  const compared = Object.entries(given.tools ?? {}).map(
    ([tool, how]) => `${how === "above" ? "scratches" : "scratched by"} ${tool}`,
  );
  return [given.number && finished(given.number), ...compared].filter(Boolean).join("; ");
}

/** A number as far as it is typed: "6-" and "6." on the way to "6-6.5" are 6. */
function finished(number) {
  return number.trim().replace(/[\s.,–-]+$/, "");
}

/** As a person reads it, in the language of the page. */
export function asWords(name, value) {
  const given = normal(value);
  if (!given) return t("tests.untested");
  if (given.raw) return given.raw;
  if (given.tokens) return listed(given.tokens.map((token) => wordLabel(name, token)), "or");
  const parts = [];
  if (given.number?.trim()) parts.push(withUnit(name, given.number.trim()));
  const tools = Object.entries(given.tools ?? {});
  for (const how of ["above", "below"]) {
    const named = tools.filter(([, was]) => was === how).map(([tool]) => t(`tool.${tool}`));
    if (named.length) parts.push(t(`hardness.${how}.these`, { tools: listed(named, "and") }));
  }
  return parts.join(t("list.separator"));
}

/** Names as a list in prose: a, b or c. `word`: "or" or "and". */
export function listed(names, word) {
  if (names.length < 2) return names.join("");
  const head = names.slice(0, -1).join(t("list.comma"));
  return t(`list.${word}`, { head, last: names.at(-1) });
}

function withUnit(name, number) {
  const pretty = number.replace(/(\d)\s*-\s*(\d)/, "$1–$2");
  return name === "density" ? t("density.value", { number: pretty }) : pretty;
}
