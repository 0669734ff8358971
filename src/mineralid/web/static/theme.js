// Light or dark: the system's choice until the person makes another.

const KEPT = "mineralid.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

/** Set up the switch; `changed(isDark)` is called at once and at every change. */
export function setUpTheme(button, changed) {
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const tell = () => changed(isDark());
  const kept = read();
  if (kept) root.dataset.theme = kept;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    write(root.dataset.theme);
    tell();
  });
  dark.addEventListener("change", tell);
  tell();
}

function read() {
  try {
    const kept = localStorage.getItem(KEPT);
    return kept === "dark" || kept === "light" ? kept : null;
  } catch {
    return null;
  }
}

function write(theme) {
  try {
    localStorage.setItem(KEPT, theme);
  } catch {
    // A browser that keeps nothing: the choice lasts as long as the page.
  }
}
