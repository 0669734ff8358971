// Luster: its words, each with a small drawing and a line of explanation.

import { el } from "../dom.js";
import { t } from "../messages.js";
import { wordMeaning } from "../vocabulary.js";
import { wordsGrid } from "./option.js";

const DRAWN = new Set([
  "metallic", "submetallic", "adamantine", "vitreous", "resinous",
  "greasy", "waxy", "pearly", "silky", "dull",
]);

export function lusterControl(test, set, describedBy) {
  return wordsGrid({
    test,
    set,
    describedBy,
    className: "luster-grid",
    legend: t("words.several"),
    item: (word) => ({
      picture: DRAWN.has(word.token)
        ? el("img", {
            class: "luster-picture", src: `static/luster/${word.token}.svg`, alt: "",
            width: "56", height: "56", loading: "lazy",
          })
        : null,
      meaning: wordMeaning("luster", word),
      extra: "luster",
    }),
  });
}
