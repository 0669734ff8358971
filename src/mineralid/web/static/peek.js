// On a phone the answer may be out of sight while tests are entered: one line of it stays below.

import { el, fill, scrollTo, show } from "./dom.js";
import { bar } from "./answer/ranking.js";
import { named } from "./names.js";
import { percent } from "./wording.js";
import { t } from "./messages.js";

/** Show the leading mineral in `strip` while `target` is out of sight. Returns {tell}. */
export function peek(strip, target, stone) {
  let visible = true;
  const button = el("button", { class: "peek-button", type: "button", on: { click: () => scrollTo(target) } });
  fill(strip, button);

  function tell() {
    const best = stone.report?.candidates[0];
    // Out of sight, but not because the collection is looked at.
    const shown = Boolean(best) && !visible && target.getClientRects().length > 0;
    show(strip, shown);
    document.body.classList.toggle("has-peek", shown);
    if (!best) return;
    const doubted = stone.report.readings.some((r) => r.status !== "used");
    fill(
      button,
      el("span", { class: "peek-name", text: named(best.name) }),
      doubted ? el("span", { class: "peek-doubt", text: t("status.doubted") }) : "",
      el("span", { class: "peek-percent", text: percent(best.probability) }),
      bar(best.probability),
      el("span", { class: "visually-hidden", text: t("peek.go") }),
    );
  }

  new IntersectionObserver(([entry]) => {
    visible = entry.isIntersecting;
    tell();
  }).observe(target);
  stone.addEventListener("answer", tell);
  return { tell };
}
