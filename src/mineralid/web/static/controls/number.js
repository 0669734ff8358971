// A measured number; density comes with the sum that two weighings make.

import { el } from "../dom.js";
import { t } from "../messages.js";
import { testLabel } from "../vocabulary.js";

/** A field for a number or an interval, with its unit. */
export function numberControl(test, set, describedBy) {
  const input = el("input", {
    class: "number-input",
    id: `number-${test.name}`,
    type: "text",
    inputmode: "decimal",
    autocomplete: "off",
    maxlength: "40",
    placeholder: t(`number.example.${test.name}`),
    "aria-describedby": describedBy,
    on: { input: () => set({ number: input.value }) },
  });
  const element = el(
    "div",
    { class: "number-field" },
    el("label", { class: "field-label", for: input.id, text: testLabel(test.name) }),
    el("div", { class: "number-line" }, input, el("span", { class: "unit", text: test.unit === "g/cm3" ? "g/cm³" : test.unit })),
  );
  return {
    element,
    update(value) {
      const text = value?.number ?? value?.raw ?? "";
      // What is being typed is not touched.
      if (document.activeElement !== input || value === null) input.value = text;
    },
    fill(text) {
      input.value = text;
      set({ number: text });
    },
  };
}

/** Density: the number, or dry and submerged weight, from which it follows (Archimedes). */
export function densityControl(test, set, describedBy) {
  const number = numberControl(test, set, describedBy);
  const said = el("output", { class: "weighing-result" });
  const dry = weight("dry");
  const wet = weight("wet");
  said.setAttribute("for", `${dry.input.id} ${wet.input.id}`);
  const element = el(
    "div",
    {},
    number.element,
    el(
      "details",
      { class: "weighing" },
      el("summary", { text: t("density.weigh") }),
      el("p", { class: "hint", text: t("density.weigh.how") }),
      el("div", { class: "weighing-fields" }, dry.element, wet.element),
      said,
    ),
  );
  function weighed() {
    const [a, w] = [dry, wet].map(({ input }) => parseFloat(input.value.replace(",", ".")));
    const density = a / (a - w);
    const possible = a > 0 && w >= 0 && Number.isFinite(density) && density > 0;
    if (possible) number.fill(density.toFixed(2));
    said.textContent = possible
      ? t("density.weighed", { number: density.toFixed(2) })
      : dry.input.value && wet.input.value
        ? t("density.impossible")
        : "";
  }
  for (const { input } of [dry, wet]) input.addEventListener("input", weighed);
  return {
    element,
    update(value) {
      number.update(value);
      if (!value) {
        for (const { input } of [dry, wet]) if (document.activeElement !== input) input.value = "";
        said.textContent = "";
      }
    },
  };
}

function weight(which) {
  const input = el("input", {
    class: "number-input", id: `weight-${which}`, type: "text", inputmode: "decimal", autocomplete: "off", maxlength: "12",
  });
  const element = el(
    "div",
    {},
    el("label", { class: "field-label", for: input.id, text: t(`density.${which}`) }),
    el("div", { class: "number-line" }, input, el("span", { class: "unit", text: "g" })),
  );
  return { element, input };
}
