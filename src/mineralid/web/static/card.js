// A mineral's own card: what the catalogue says of it, with its sources.

import { el, fill, icon } from "./dom.js";
import { has, language, t } from "./messages.js";
import { card as cardOf, named } from "./names.js";
import { asWords, listed } from "./readings.js";
import { swatch } from "./swatch.js";
import { sentence } from "./wording.js";
import { test, testLabel, wordLabel } from "./vocabulary.js";

const WORDS = ["luster", "streak", "magnetism", "acid"];

/** Set up `dialog`; returns open(name). `readings()` gives the stone's readings, shown beside the facts. */
export function cardDialog(dialog, readings) {
  const body = dialog.querySelector("[data-body]");
  const close = () => dialog.close();
  dialog.querySelector("[data-close]").addEventListener("click", close);
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) close(); // beside the card
  });

  return async function open(name) {
    let mineral = null;
    try {
      mineral = await cardOf(name);
    } catch {
      // The server is gone: the page says so elsewhere.
    }
    fill(body, mineral ? content(mineral, readings(), open) : missing(name));
    if (!dialog.open) dialog.showModal();
    dialog.querySelector(".card").scrollTop = 0;
  };
}

function missing(name) {
  return [title(name), el("p", { class: "hint", text: t("card.missing") })];
}

function title(name) {
  return el("h2", { class: "card-title", id: "card-title", text: named(name) });
}

function content(mineral, readings, open) {
  const subtitle = [named(mineral.name) === mineral.name ? "" : mineral.name, kind(mineral)].filter(Boolean);
  return [
    title(mineral.name),
    el("p", { class: "card-kind" }, subtitle.join(" · ")),
    mineral.formula ? el("p", { class: "formula", lang: "en" }, formula(mineral.formula)) : "",
    hazards(mineral),
    el("dl", { class: "facts" },
      interval("hardness", mineral.hardness_mohs, readings),
      WORDS.slice(0, 2).map((name) => words(name, mineral[name], readings)),
      interval("density", mineral.density_g_cm3, readings),
      WORDS.slice(2).map((name) => words(name, mineral[name], readings)),
      mineral.crystal_system ? fact(t("card.crystal"), has(`crystal.${mineral.crystal_system}`) ? t(`crystal.${mineral.crystal_system}`) : mineral.crystal_system) : [],
      otherNames(mineral)),
    family(mineral, open),
    mineral.in_model === false ? el("p", { class: "hint", text: t("card.not-in-model") }) : "",
    sources(mineral),
  ];
}

function kind(mineral) {
  return mineral.kind === "variety" && mineral.parent
    ? t("kind.variety-of", { parent: named(mineral.parent) })
    : t(`kind.${mineral.kind}`);
}

/** Digits behind an element or a bracket stand low. */
function formula(text) {
  const parts = text.match(/[A-Za-z)\]]\d+(?:[.–-]\d+)?|[^]/g) ?? [];
  return parts.map((part) => (part.length > 1 ? [part[0], el("sub", { text: part.slice(1) })] : part));
}

function hazards(mineral) {
  const notes = [mineral.toxicity, mineral.radioactivity].filter(Boolean);
  return notes.length
    ? el("div", { class: "callout safety" }, icon("shield"),
        el("div", { class: "callout-body" }, notes.map((note) => el("p", { text: sentence(note) }))))
    : "";
}

function interval(name, value, readings) {
  const text = value ? [...new Set(value)].join("–") : null;
  return fact(testLabel(name), text === null ? null : name === "density" ? t("density.value", { number: text }) : text, readings[name] && asWords(name, readings[name]));
}

function words(name, tokens, readings) {
  const yours = readings[name] && asWords(name, readings[name]);
  if (!tokens?.length) return fact(testLabel(name), null, yours);
  if (name !== "streak") return fact(testLabel(name), listed(tokens.map((token) => wordLabel(name, token)), "or"), yours);
  const of = new Map(test("streak").words.map((word) => [word.token, word]));
  const marks = tokens.map((token) =>
    el("span", { class: "fact-swatch" }, swatch(of.get(token)?.rgb ?? null), token === "none" ? t("streak.none") : wordLabel(name, token)));
  return fact(testLabel(name), marks, yours);
}

function fact(label, value, yours = null) {
  return [
    el("dt", { text: label }),
    el("dd", {},
      value === null ? el("span", { class: "unknown", text: t("card.unknown") }) : value,
      yours ? el("span", { class: "yours", text: t("card.yours", { reading: yours }) }) : ""),
  ];
}

function otherNames(mineral) {
  const others = [...(mineral.names?.[language()] ?? []), ...(language() === "en" ? mineral.names?.zh ?? [] : [])];
  const shown = [...new Set(others)].filter((name) => name !== named(mineral.name) && name !== mineral.name);
  return shown.length ? fact(t("card.names"), shown.join(t("list.comma"))) : [];
}

function family(mineral, open) {
  const above = mineral.ancestors ?? [];
  if (!above.length) return "";
  return el("p", { class: "family" }, el("span", { text: t("card.belongs") }),
    above.map((name) => el("button", { class: "chip", type: "button", text: named(name), on: { click: () => open(name) } })));
}

function sources(mineral) {
  const cited = mineral.source_list ?? [];
  if (!cited.length) return "";
  return el("details", { class: "sources" }, el("summary", { text: t("card.sources", { count: cited.length }) }),
    el("ul", { lang: "en" }, cited.map((source) => el("li", { text: source.title }))));
}
