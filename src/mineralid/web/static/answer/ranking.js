// The ranked minerals with their probabilities as bars, and the set that holds the answer.

import { el } from "../dom.js";
import { t } from "../messages.js";
import { alsoNamed, named } from "../names.js";
import { listed } from "../readings.js";
import { percent } from "../wording.js";

const FIRST = 5;
const LEAST_SHOWN = 0.0005;
const MOST_IN_SET = 12;

/** The list; `openCard(name)` shows a mineral's card; `state.all` remembers whether all are shown. */
export function ranking(report, openCard, state) {
  const inSet = new Set(report.prediction_set);
  const items = report.candidates.map((c) => item(c, inSet.has(c.name), openCard));
  const others = 1 - report.candidates.reduce((sum, c) => sum + c.probability, 0) - (report.unknown ?? 0);
  const rest = [];
  if (report.unknown !== null) {
    if (others > LEAST_SHOWN) rest.push(restItem(t("ranking.others"), others));
    rest.push(restItem(t("ranking.none"), report.unknown));
  }
  const list = el("ol", { class: "ranking" }, items, rest);
  const later = items.slice(FIRST);
  const more = el("button", { class: "link", type: "button" });
  const toggle = (all) => {
    state.all = all;
    for (const one of later) one.hidden = !all;
    more.textContent = t(all ? "ranking.fewer" : "ranking.more", { count: later.length });
    more.setAttribute("aria-expanded", String(all));
  };
  more.addEventListener("click", () => toggle(!state.all));
  toggle(Boolean(state.all));
  return [list, later.length ? more : "", setLine(report)];
}

/** A probability as a bar; the number stands beside it, so it is hidden from screen readers. */
export function bar(probability, extra = "") {
  const full = el("span", { class: "bar-full" });
  full.style.setProperty("--share", String(Math.min(1, Math.max(0, probability))));
  return el("span", { class: `bar ${extra}`.trim(), "aria-hidden": "true" }, full);
}

function item(candidate, isInSet, openCard) {
  const also = alsoNamed(candidate.name);
  return el(
    "li",
    { class: isInSet ? "rank is-in-set" : "rank", data: { mineral: candidate.name } },
    el(
      "button",
      { class: "rank-button", type: "button", "aria-haspopup": "dialog", on: { click: () => openCard(candidate.name) } },
      el("span", { class: "rank-name" }, named(candidate.name), also ? el("span", { class: "rank-also", lang: "en", text: also }) : ""),
      el("span", { class: "rank-percent", text: percent(candidate.probability) }),
      bar(candidate.probability),
      el("span", { class: "visually-hidden", text: isInSet ? t("ranking.in-set") : "" }),
    ),
  );
}

function restItem(words, probability) {
  return el(
    "li",
    { class: "rank rank-rest" },
    el("span", { class: "rank-row" },
      el("span", { class: "rank-name", text: words }),
      el("span", { class: "rank-percent", text: percent(probability) }),
      bar(probability)),
  );
}

function setLine(report) {
  const names = report.prediction_set.map(named);
  const confidence = percent(report.confidence ?? 0);
  const doubtful = report.unknown !== null && report.unknown >= 0.5;
  const shown = listed(names.slice(0, MOST_IN_SET), "or");
  const more = names.length - MOST_IN_SET;
  const which = more > 0 ? t("set.more", { names: names.slice(0, MOST_IN_SET).join(t("list.comma")), more }) : shown;
  return el(
    "div",
    { class: "set" },
    el("p", { class: "set-words" },
      el("span", { class: "set-key", "aria-hidden": "true" }),
      t(doubtful ? "set.doubtful" : names.length === 1 ? "set.one" : "set.several", { confidence, names: which, count: names.length })),
    el("p", { class: "hint", text: t(`set.basis.${report.set_basis ?? "model"}`) }),
  );
}
