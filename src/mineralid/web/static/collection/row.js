// One stone of a collection as a row: picture, answer, the person's own name for it.

import { el, icon } from "../dom.js";
import { t } from "../messages.js";
import { named } from "../names.js";
import { doubted, rowAnswer, rowTitle } from "./told.js";
import { testLabel } from "../vocabulary.js";

/** `picture`: url or null. `corrected(name)` and `open()` are called for what the person does. */
export function rowElement(row, { number, picture, corrected, open, openCard }) {
  const answer = rowAnswer(row);
  const title = rowTitle(row);
  const lists = `names-${number}`;
  const wrong = doubted(row).map(testLabel);
  const input = el("input", {
    class: "number-input", type: "text", list: lists, value: row.mineral, autocomplete: "off", maxlength: "80",
    placeholder: t("collection.correct.placeholder"), "aria-label": t("collection.correct.label", { stone: title }),
  });
  const element = el(
    "li",
    { class: `stone-row is-${answer.kind}`, data: { row: String(number) } },
    picture
      ? el("img", { class: "row-picture", src: picture, alt: "", loading: "lazy", width: "64", height: "64" })
      : el("span", { class: "row-picture row-no-picture" }, icon("test")),
    el("div", { class: "row-words" },
      el("p", { class: "row-title", text: title }),
      el("p", { class: "row-answer" },
        answer.kind === "species" || answer.kind === "group"
          ? el("button", { class: "row-name", type: "button", "aria-haspopup": "dialog", text: answer.name, on: { click: () => openCard(row.report.answer) } })
          : el("span", { class: "row-name", text: answer.name }),
        answer.percent ? el("span", { class: "row-percent", text: answer.percent }) : ""),
      answer.detail ? el("p", { class: "hint", text: answer.detail }) : "",
      wrong.length ? el("p", { class: "row-doubt" }, icon("warning"), el("span", { text: t("collection.doubted", { tests: wrong.join(t("list.comma")) }) })) : ""),
    el("div", { class: "row-own" }, input,
      el("datalist", { id: lists }, row.report.candidates.slice(0, 8).map((c) => el("option", { value: named(c.name) })))),
    el("button", { class: "round", type: "button", "aria-label": t("collection.open", { stone: title }), on: { click: open } }, icon("open")),
  );
  input.addEventListener("change", () => {
    row.mineral = input.value.trim();
    element.classList.toggle("is-corrected", row.mineral !== "");
    corrected();
  });
  element.classList.toggle("is-corrected", row.mineral !== "");
  return element;
}
