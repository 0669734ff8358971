// Minerals of the catalogue that the photograph's model does not know and that fit the readings.

import { el } from "../dom.js";
import { t } from "../messages.js";
import { alsoNamed, named } from "../names.js";
import { percent, times } from "../wording.js";

const LEAST = 0.002;

/** The list, or nothing where none is likely enough for a word. */
export function outside(report, openCard) {
  const worth = report.outside.filter((o) => o.probability >= LEAST);
  if (!worth.length) return [];
  return [
    el("p", { class: "hint", text: t("outside.meaning") }),
    el("ul", { class: "outside" }, worth.map((o) =>
      el("li", {},
        el("button", { class: "outside-button", type: "button", "aria-haspopup": "dialog", on: { click: () => openCard(o.name) } },
          el("span", { class: "outside-name" }, named(o.name), alsoNamed(o.name) ? el("span", { class: "rank-also", lang: "en", text: alsoNamed(o.name) }) : ""),
          el("span", { class: "outside-fit", text: t("outside.fit", { percent: percent(o.probability), times: times(o.log_likelihood_ratio) }) }))))),
  ];
}
