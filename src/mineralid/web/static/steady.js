// Keep the control under the finger where it is, while the answer above it grows and shrinks.

/** `keep(change)` runs `change` and scrolls so that the row of `list` last used stays in its place. */
export function steady(list) {
  let row = null;
  const note = (event) => {
    row = list.contains(event.target) ? event.target.closest(".test") : null;
  };
  document.addEventListener("pointerdown", note);
  document.addEventListener("focusin", note);

  return function keep(change) {
    const anchor = row?.isConnected ? row : null;
    const before = anchor?.getBoundingClientRect().top;
    change();
    if (!anchor) return;
    const moved = anchor.getBoundingClientRect().top - before;
    if (Math.abs(moved) > 1) window.scrollBy({ top: moved, behavior: "instant" });
  };
}
