// Safety notes of what is likely enough: shown before anybody powders, licks or heats a stone.

import { el, icon } from "../dom.js";
import { t } from "../messages.js";
import { named } from "../names.js";
import { safetyNote } from "../wording.js";

export function safety(report) {
  if (!report.safety.length) return [];
  return [
    el("div", { class: "callout safety" },
      icon("shield"),
      el("div", { class: "callout-body" },
        el("p", { class: "callout-words", text: t("safety.title") }),
        el("ul", { class: "safety-list" }, report.safety.map((note) => {
          const { names, text } = safetyNote(note, named);
          return el("li", {}, names ? el("strong", { text: t("safety.names", { names }) }) : "", text);
        })))),
  ];
}
