// The list of field tests: each opens to the control that is made for it.

import { choiceControl } from "./controls/choice.js";
import { hardnessControl } from "./controls/hardness.js";
import { lusterControl } from "./controls/luster.js";
import { densityControl, numberControl } from "./controls/number.js";
import { streakControl } from "./controls/streak.js";
import { el, fill, icon, scrollTo, show } from "./dom.js";
import { t } from "./messages.js";
import { asWords } from "./readings.js";
import { bestTest, howTo } from "./wording.js";
import { problemWords } from "./problems.js";
import { testLabel, tests } from "./vocabulary.js";

const MADE_FOR = {
  hardness: hardnessControl,
  luster: lusterControl,
  streak: streakControl,
  density: densityControl,
};
const SIGNED = new Set(["hardness", "luster", "streak", "density", "magnetism", "acid"]);

/** Fill `list` with the tests of a stone. Returns {build, open}: build() after the language has
 *  changed, open(test) to go to one. */
export function testsPanel(list, stone) {
  const rows = new Map();

  function build() {
    const opened = [...rows.values()].filter((row) => row.isOpen()).map((row) => row.name);
    rows.clear();
    for (const test of tests()) rows.set(test.name, testRow(test, stone));
    fill(list, [...rows.values()].map((row) => row.element));
    for (const name of opened) rows.get(name)?.toggle(true);
    refresh();
  }

  function refresh() {
    for (const row of rows.values()) row.refresh();
  }

  stone.addEventListener("reading", (event) => {
    if (event.detail) rows.get(event.detail)?.refresh();
    else refresh();
  });
  stone.addEventListener("problem", refresh);
  stone.addEventListener("answer", refresh);

  return {
    build,
    open(name) {
      const row = rows.get(name);
      if (!row) return;
      row.toggle(true);
      scrollTo(row.element);
      row.head.focus({ preventScroll: true });
    },
  };
}

function testRow(test, stone) {
  const name = test.name;
  const value = el("span", { class: "test-value" });
  const flag = el("span", { class: "test-flag" });
  const body = el("div", { class: "test-body", id: `test-${name}`, hidden: true });
  const head = el(
    "button",
    { class: "test-head", type: "button", "aria-expanded": "false", "aria-controls": body.id },
    icon(SIGNED.has(name) ? `test-${name}` : "test"),
    el("span", { class: "test-title" }, el("span", { class: "test-name", text: testLabel(name) }), flag),
    value,
    icon("chevron", "chevron"),
  );
  const error = el("p", { class: "field-error", id: `error-${name}`, role: "alert", hidden: true });
  const untested = el("button", {
    class: "untested",
    type: "button",
    "aria-label": `${testLabel(name)}: ${t("tests.untested")}`,
    text: t("tests.untested"),
    on: { click: () => stone.setReading(name, null) },
  });
  const set = (given) => stone.setReading(name, given);
  const make = MADE_FOR[name] ?? (test.kind === "words" ? choiceControl : numberControl);
  const control = make(test, set, error.id);
  fill(
    body,
    el("p", { class: "how" }, howTo(name, test.question)),
    el("div", { class: "untested-line" }, untested),
    error,
    control.element,
  );
  const element = el("li", { class: "test", data: { test: name } }, el("h3", {}, head), body);

  function toggle(opened) {
    head.setAttribute("aria-expanded", String(opened));
    element.classList.toggle("is-open", opened);
    show(body, opened);
  }
  head.addEventListener("click", () => toggle(body.hidden));

  return {
    name,
    element,
    head,
    toggle,
    isOpen: () => !body.hidden,
    refresh() {
      const given = stone.readings[name] ?? null;
      value.textContent = asWords(name, given);
      element.classList.toggle("is-given", given !== null);
      untested.setAttribute("aria-pressed", String(given === null));
      control.update(given);
      const finding = given && stone.report?.readings.find((each) => each.test === name);
      const doubted = finding && finding.status !== "used";
      const next = !given && bestTest(stone.report)?.test === name;
      element.classList.toggle("is-doubted", Boolean(doubted));
      flag.textContent = doubted ? t(`status.${finding.status}`) : next ? t("next.flag") : "";
      const wrong = stone.problem?.field === name ? problemWords(stone.problem) : "";
      error.textContent = wrong;
      show(error, Boolean(wrong));
    },
  };
}
