// Where in the photograph the evidence for a mineral lies: on request, over the picture.

import * as api from "./api.js";
import { el, fill, icon, show } from "./dom.js";
import { t } from "./messages.js";
import { named } from "./names.js";
import { problemWords } from "./problems.js";

const CHOICES = 3;

/** {layer, toggle, choices}: what lies on the picture, the button, the minerals to choose from; and
 *  choose(photo), off(). */
export function heatmapView(stone) {
  const layer = el("div", { class: "heat-layer", hidden: true });
  const toggle = el(
    "button",
    { class: "quiet", type: "button", on: { click: () => (mineral === null ? ask(candidates()[0].name) : (off(), build())) } },
    icon("heat"),
    el("span"),
  );
  const choices = el("div", { class: "heat" });
  let photo = 0;
  let mineral = null; // null: no map asked for
  let asking = null;
  let url = null;

  const candidates = () => (stone.token && stone.report ? stone.report.candidates.slice(0, CHOICES) : []);

  function off() {
    asking?.abort();
    mineral = null;
    clear();
  }

  function clear() {
    if (url) URL.revokeObjectURL(url);
    url = null;
    fill(layer);
    show(layer, false);
  }

  async function ask(name) {
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    mineral = name;
    build();
    try {
      const picture = await api.heatmap(stone.token, name, photo, signal);
      if (signal.aborted) return;
      clear();
      url = URL.createObjectURL(picture);
      fill(layer, el("img", { src: url, alt: t("heat.alt", { mineral: named(name) }) }));
      show(layer, true);
    } catch (error) {
      if (signal.aborted) return;
      clear();
      if (error instanceof api.Problem && error.field === "token") {
        stone.token = null; // expired: the answer brings another, and the map can be asked for again
        mineral = null;
        stone.ask(0);
      } else {
        const words = error instanceof api.Problem ? problemWords(error) : t("gone.short");
        fill(layer, el("p", { class: "unseen", text: words }));
        show(layer, true);
      }
    }
  }

  function build() {
    const names = candidates().map((candidate) => candidate.name);
    const on = mineral !== null;
    show(toggle, names.length > 0);
    toggle.setAttribute("aria-pressed", String(on));
    toggle.lastChild.textContent = t("heat.toggle");
    const focused = choices.contains(document.activeElement) ? document.activeElement.dataset.mineral : null;
    const chips = names.map((name) =>
      el("button", {
        class: "chip", type: "button", "aria-pressed": String(name === mineral), data: { mineral: name },
        text: named(name), on: { click: () => ask(name) },
      }));
    fill(choices, on ? [el("div", { class: "chips", role: "group", "aria-label": t("heat.of") }, chips), el("p", { class: "hint", text: t("heat.meaning") })] : []);
    if (focused) chips.find((chip) => chip.dataset.mineral === focused)?.focus();
  }

  stone.addEventListener("answer", () => {
    if (mineral !== null && !candidates().some((c) => c.name === mineral)) off();
    build();
  });
  return {
    layer,
    toggle,
    choices,
    off,
    choose(index) {
      if (index !== photo || mineral === null) {
        photo = index;
        off();
      }
      build();
    },
  };
}
