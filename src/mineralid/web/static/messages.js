// The page's words: one table a language, from the server; t() looks a key up.

export const LANGUAGES = ["en", "zh"];
const KEPT = "mineralid.language";
const tables = new Map();
let current = "en";

/** The language in use: "en" or "zh". */
export function language() {
  return current;
}

/** The language last chosen here, else the browser's, else English. */
export function preferred() {
  let kept = null;
  try {
    kept = localStorage.getItem(KEPT);
  } catch {
    // A browser that keeps nothing: the choice lasts as long as the page.
  }
  if (LANGUAGES.includes(kept)) return kept;
  const spoken = (navigator.languages ?? [navigator.language]).map((l) => l.slice(0, 2));
  return spoken.find((l) => LANGUAGES.includes(l)) ?? "en";
}

/** Load a table of words: `load(language)` returns it. Then everything marked in the page is told in it. */
export async function speak(chosen, load, keep = false) {
  if (!tables.has(chosen)) tables.set(chosen, await load(chosen));
  current = chosen;
  if (keep) {
    try {
      localStorage.setItem(KEPT, chosen);
    } catch {
      // As above.
    }
  }
  document.documentElement.lang = chosen === "zh" ? "zh-CN" : chosen;
  translate(document);
}

/** The words of a key, with {name} replaced by the value given; the key itself where there are none. */
export function t(key, values = {}) {
  const text = tables.get(current)?.[key];
  if (text === undefined) return key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
}

/** Whether there are words of a key. */
export function has(key) {
  return tables.get(current)?.[key] !== undefined;
}

/** Tell what is marked in the page: data-t is the text, data-t-label the label for screen readers. */
export function translate(root) {
  for (const marked of root.querySelectorAll("[data-t]")) marked.textContent = t(marked.dataset.t);
  for (const marked of root.querySelectorAll("[data-t-label]"))
    marked.setAttribute("aria-label", t(marked.dataset.tLabel));
  for (const marked of root.querySelectorAll("[data-t-placeholder]"))
    marked.setAttribute("placeholder", t(marked.dataset.tPlaceholder));
}
