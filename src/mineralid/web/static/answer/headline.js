// The answer in one line: what the stone is, at which level, and how sure; or that it is not decided.

import { el } from "../dom.js";
import { t } from "../messages.js";
import { alsoNamed, card, named } from "../names.js";
import { listed } from "../readings.js";
import { percent } from "../wording.js";

const LEAST_OUTSIDE = 0.002;
const MEMBERS = 4;

/** The elements of the headline; `openCard(name)` shows a mineral's card. */
export async function headline(report, openCard) {
  const best = report.candidates[0];
  if (report.level === "species") return species(report, openCard);
  if (report.level === "group") return group(report, openCard);
  if (report.why_unknown === "none of these") return noneOfThese(report);
  const leader = report.leading_species;
  const withVarieties = leader && leader.probability > best.probability;
  return [
    title(t("answer.undecided")),
    lead(
      withVarieties
        ? t("answer.undecided.varieties", { name: named(leader.name), percent: percent(leader.probability) })
        : t("answer.undecided.leads", { name: named(best.name), percent: percent(best.probability) }),
    ),
  ];
}

async function species(report, openCard) {
  const name = report.answer ?? report.candidates[0].name;
  const own = name in report.own_minerals;
  const known = own ? null : await card(name);
  const kind = own
    ? t("kind.own")
    : known?.kind === "variety" && known.parent
      ? t("kind.variety-of", { parent: named(known.parent) })
      : t(`kind.${known?.kind ?? "species"}`);
  return [
    title(named(name), alsoNamed(name), known && (() => openCard(name))),
    sure(kind, report.candidates[0].probability),
  ];
}

async function group(report, openCard) {
  const name = report.answer;
  const known = await card(name);
  const candidates = await Promise.all(
    report.candidates.map(async (c) => ({ name: c.name, of: (await card(c.name))?.ancestors ?? [] })),
  );
  const members = candidates
    .filter((c) => c.name === name || c.of.includes(name))
    .map((c) => (c.name === name ? t("answer.no-variety") : named(c.name)))
    .slice(0, MEMBERS);
  const isSpecies = known?.kind === "species";
  return [
    title(named(name), alsoNamed(name), known && (() => openCard(name))),
    sure(isSpecies ? t("kind.species-whole") : t("kind.group"), report.answer_probability ?? 0),
    members.length
      ? lead(t(isSpecies ? "answer.which-variety" : "answer.which-member", { members: listed(members, "or") }))
      : "",
  ];
}

function noneOfThese(report) {
  const parts = [title(t("answer.unknown")), sure(t("answer.none-of-these"), report.unknown ?? 0)];
  if (report.set_basis === "model") return [...parts, lead(t("answer.nothing-fits"))];
  parts.push(lead(t("answer.not-in-model")));
  const likely = report.outside.filter((o) => o.probability >= LEAST_OUTSIDE).slice(0, 3);
  const fitting = likely.length ? likely : report.outside.slice(0, 1);
  if (fitting.length) {
    const names = fitting.map((o) => t("name.percent", { name: named(o.name), percent: percent(o.probability) }));
    parts.push(lead(t("answer.outside-fits", { names: listed(names, "or") })));
  }
  return parts;
}

function title(text, also = "", open = null) {
  const name = open
    ? el("button", { class: "title-button", type: "button", text, on: { click: open } })
    : text;
  return el("h2", { class: "title" }, name, also ? el("span", { class: "title-also", lang: "en", text: also }) : "");
}

function sure(kind, probability) {
  return el("p", { class: "sure" }, el("span", { class: "kind", text: kind }), el("span", { text: t("answer.likely", { percent: percent(probability) }) }));
}

function lead(text) {
  return el("p", { class: "lead", text });
}
