// Hardness: what the stone scratches and what scratches it, on Mohs' scale; a number for who has one.

import { el, icon, fill } from "../dom.js";
import { t } from "../messages.js";
import { asWords, normal } from "../readings.js";
import { drawScale } from "./scale.js";

const TOOLS = ["fingernail", "coin", "knife", "glass", "steel file", "quartz"];
const WAYS = ["above", "untried", "below"];
const LEAST = 1;
const MOST = 10;

export function hardnessControl(test, set, describedBy) {
  const known = new Map((test.tools ?? []).map((tool) => [tool.name, tool.mohs]));
  const tools = TOOLS.filter((tool) => known.has(tool)).map((name) => ({ name, mohs: known.get(name) }));
  let value = { number: "", tools: {} };
  const scale = el("div", { class: "scale" });
  const rows = tools.map((tool) => toolRow(tool, (how) => change({ tools: with_(value.tools, tool.name, how) })));
  const slider = el("input", {
    class: "slider", id: "hardness-slider", type: "range", min: String(LEAST), max: String(MOST), step: "0.5", value: "5",
    "aria-label": t("hardness.slider"),
    on: { input: () => change({ number: slider.value }) },
  });
  const number = el("input", {
    class: "number-input", id: "number-hardness", type: "text", inputmode: "decimal", autocomplete: "off",
    maxlength: "40", placeholder: t("number.example.hardness"), "aria-describedby": describedBy,
    on: { input: () => change({ number: number.value }) },
  });

  function change(part) {
    value = { ...value, ...part };
    set(value);
  }

  const element = el(
    "div",
    { class: "hardness" },
    el(
      "fieldset",
      { class: "tools", "aria-describedby": describedBy },
      el("legend", { class: "hint", text: t("hardness.tools") }),
      rows.map((row) => row.element),
    ),
    scale,
    el(
      "div",
      { class: "hardness-number" },
      el("label", { class: "field-label", for: number.id, text: t("hardness.number") }),
      el("div", { class: "slider-line" }, slider, number),
    ),
  );

  return {
    element,
    update(given) {
      value = { number: "", tools: {}, ...(given?.raw ? { number: given.raw } : given) };
      rows.forEach((row) => row.update(value.tools[row.name] ?? "untried"));
      if (document.activeElement !== number || !value.number) number.value = value.number;
      const [low, high] = interval(value.number);
      const set_ = low !== null;
      slider.classList.toggle("is-unset", !set_);
      if (set_) slider.value = String((low + high) / 2);
      slider.setAttribute("aria-valuetext", set_ ? value.number : t("tests.untested"));
      const shown = normal(given) ? asWords("hardness", given) : t("tests.untested");
      fill(scale, drawScale({ tools, chosen: value.tools, low, high, label: t("hardness.scale", { shown }) }));
    },
  };
}

function with_(tools, name, how) {
  const { [name]: _, ...others } = tools;
  return how === "untried" ? others : { ...others, [name]: how };
}

/** The interval that a typed number means, as far as the drawing needs it: [low, high] or nulls. */
function interval(text) {
  const numbers = (text.replaceAll("½", ".5").match(/\d+(?:[.,]\d+)?/g) ?? []).map((n) => parseFloat(n.replace(",", ".")));
  const inside = numbers.filter((n) => n >= 0.5 && n <= MOST);
  return inside.length ? [Math.min(...inside), Math.max(...inside)] : [null, null];
}

/** One tool: stone scratches it, not tried, scratched by it. */
function toolRow(tool, chosen) {
  const name = t(`tool.${tool.name}`);
  const inputs = new Map();
  const group = `tool-${tool.name.replace(" ", "-")}`;
  const ways = WAYS.map((way) => {
    const input = el("input", { type: "radio", name: group, value: way, class: "way-input", on: { change: () => chosen(way) } });
    inputs.set(way, input);
    return el(
      "label",
      { class: `way way-${way}` },
      input,
      el("span", { class: "way-words", "aria-hidden": "true", text: t(`hardness.way.${way}`) }),
      el("span", { class: "visually-hidden", text: t(`hardness.said.${way}`, { tool: name }) }),
    );
  });
  const element = el(
    "div",
    { class: "tool", role: "radiogroup", "aria-label": name },
    icon(`tool-${tool.name.replace(" ", "-")}`),
    el("span", { class: "tool-name", "aria-hidden": "true" }, name, el("span", { class: "tool-mohs", text: String(tool.mohs) })),
    el("div", { class: "ways" }, ways),
  );
  return {
    name: tool.name,
    element,
    update(way) {
      inputs.get(way).checked = true;
    },
  };
}
