// Streak: the colour of the powder, as marks on a porcelain plate.

import { t } from "../messages.js";
import { swatch } from "../swatch.js";
import { wordMeaning } from "../vocabulary.js";
import { wordsGrid } from "./option.js";

export function streakControl(test, set, describedBy) {
  return wordsGrid({
    test,
    set,
    describedBy,
    className: "streak-grid",
    legend: t("words.several"),
    item: (word) => ({
      picture: swatch(word.rgb),
      label: word.token === "none" ? t("streak.none") : word.label,
      meaning: word.token === "none" ? wordMeaning("streak", word) : "",
      extra: word.token === "none" ? "streak streak-none" : "streak",
    }),
  });
}
