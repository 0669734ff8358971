// Minerals in the language of the page: names, and what the catalogue says of each.

import * as api from "./api.js";
import { language, t } from "./messages.js";

const tables = new Map([["en", {}]]);
const cards = new Map();
const GROUP = " group"; // as the catalogue names groups

/** Load the names of a language; English ones are the report's own. */
export async function loadNames(lang) {
  if (tables.has(lang)) return;
  tables.set(lang, {});
  try {
    tables.set(lang, await api.names(lang));
  } catch (error) {
    tables.delete(lang); // asked again next time; until then names stay English
    if (!(error instanceof api.Gone || error instanceof api.Problem)) throw error;
  }
}

/** A mineral's name in the language of the page; the English one where no other is known. */
export function named(name) {
  const own = tables.get(language()) ?? {};
  if (own[name]) return own[name];
  const head = name.endsWith(GROUP) ? own[name.slice(0, -GROUP.length)] : undefined;
  return head ? t("name.group", { name: head }) : name;
}

/** The English name, where the page shows another; else "". */
export function alsoNamed(name) {
  return named(name) === name ? "" : name;
}

/** What the catalogue says of a mineral, or null where it has no such mineral. */
export async function card(name) {
  const key = `${language()} ${name}`;
  if (!cards.has(key)) {
    cards.set(
      key,
      api.mineral(name, language()).catch((error) => {
        cards.delete(key);
        if (error instanceof api.Problem) return null;
        throw error;
      }),
    );
  }
  return cards.get(key);
}
