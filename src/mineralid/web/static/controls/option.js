// A large touch target that can be chosen: a real checkbox or radio button with its drawing and words.

import { el } from "../dom.js";

/** `kind` "checkbox" or "radio"; `group` the name of its radio group; `chosen(isChosen)` is called on change.
 *  Returns {element, input}. */
export function option({ kind, group, value, picture, label, meaning, chosen, extra = "" }) {
  const input = el("input", { type: kind, name: group, value, class: "option-input" });
  input.addEventListener("change", () => chosen(input.checked));
  const words = el("span", { class: "option-words" }, el("span", { class: "option-label", text: label }));
  if (meaning) words.append(el("span", { class: "option-meaning", text: meaning }));
  const element = el("label", { class: `option ${extra}`.trim() }, input, picture ?? "", words);
  return { element, input };
}

/** The tokens after one more or one less was chosen, in the order of the vocabulary. */
export function toggled(tokens, order, token, isChosen) {
  const chosen = new Set(tokens);
  if (isChosen) chosen.add(token);
  else chosen.delete(token);
  return order.filter((each) => chosen.has(each));
}

/** The words control behind luster and streak: several may be chosen where one cannot decide. */
export function wordsGrid({ test, set, describedBy, className, item, legend }) {
  let tokens = [];
  const order = test.words.map((word) => word.token);
  const inputs = new Map();
  const element = el("fieldset", { class: className, "aria-describedby": describedBy });
  element.append(el("legend", { class: "hint", text: legend }));
  for (const word of test.words) {
    const made = option({
      kind: "checkbox",
      group: test.name,
      value: word.token,
      label: word.label,
      chosen: (isChosen) => {
        tokens = toggled(tokens, order, word.token, isChosen);
        set({ tokens });
      },
      ...item(word),
    });
    inputs.set(word.token, made.input);
    element.append(made.element);
  }
  return {
    element,
    update(value) {
      tokens = value?.tokens ?? [];
      for (const [token, input] of inputs) input.checked = tokens.includes(token);
    },
  };
}
