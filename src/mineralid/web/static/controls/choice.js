// A test with a few words, one of which is chosen: magnet, acid, and whatever the table adds.

import { el, icon } from "../dom.js";
import { t } from "../messages.js";
import { testLabel, wordMeaning } from "../vocabulary.js";
import { option } from "./option.js";

const SIGNED = new Set([
  "magnetism-none", "magnetism-weak", "magnetism-strong", "acid-none", "acid-weak", "acid-strong",
]);

export function choiceControl(test, set, describedBy) {
  const inputs = new Map();
  const element = el("fieldset", { class: "choice-list", "aria-describedby": describedBy });
  element.append(el("legend", { class: "visually-hidden", text: testLabel(test.name) }));
  if (test.name === "acid")
    element.append(el("p", { class: "caution" }, icon("warning"), el("span", { text: t("acid.caution") })));
  for (const word of test.words) {
    const sign = `${test.name}-${word.token}`;
    const { element: made, input } = option({
      kind: "radio",
      group: test.name,
      value: word.token,
      picture: SIGNED.has(sign) ? icon(sign, "option-sign") : null,
      label: word.label,
      meaning: wordMeaning(test.name, word),
      chosen: () => set({ tokens: [word.token] }),
    });
    inputs.set(word.token, input);
    element.append(made);
  }
  return {
    element,
    update(value) {
      const tokens = value?.tokens ?? [];
      for (const [token, input] of inputs) input.checked = tokens.includes(token);
    },
  };
}
