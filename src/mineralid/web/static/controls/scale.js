// Mohs' scale from 1 to 10, drawn: where the tools lie, and what the tests leave possible.

import { svg } from "../dom.js";
import { t } from "../messages.js";

const WIDTH = 340;
const SIDE = 14;
const LINE = 30;

/** tools: [{name, mohs}]; chosen: tool -> "above" | "below"; low, high: the number entered, or null. */
export function drawScale({ tools, chosen, low, high, label }) {
  const at = (mohs) => SIDE + ((mohs - 1) / 9) * (WIDTH - 2 * SIDE);
  const drawing = svg("svg", { class: "scale-drawing", viewBox: `0 0 ${WIDTH} 62`, role: "img", "aria-label": label });
  drawing.append(svg("line", { class: "scale-line", x1: at(1), x2: at(10), y1: LINE, y2: LINE }));
  const above = bounds(tools, chosen, "above");
  const below = bounds(tools, chosen, "below");
  const from = Math.max(1, ...above);
  const to = Math.min(10, ...below);
  if ((above.length || below.length) && from <= to)
    drawing.append(band("scale-possible", at(from), at(to), 10));
  if (low !== null) drawing.append(band("scale-number", at(Math.max(1, low)) - 3, at(high) + 3, 10));
  for (let mohs = 1; mohs <= 10; mohs += 1) {
    drawing.append(svg("line", { class: "scale-tick", x1: at(mohs), x2: at(mohs), y1: LINE - 5, y2: LINE + 5 }));
    const number = svg("text", { class: "scale-number-text", x: at(mohs), y: LINE + 22 });
    number.textContent = String(mohs);
    drawing.append(number);
  }
  const drawn = new Set();
  for (const { mohs } of tools) {
    if (drawn.has(mohs)) continue; // knife and glass are one mark
    drawn.add(mohs);
    drawing.append(svg("path", { class: "scale-tool", d: `M${at(mohs)} ${LINE - 9}l-4-8h8z` }));
  }
  for (const [mohs, key] of [[1, "scale.soft"], [10, "scale.hard"]]) {
    const end = svg("text", { class: "scale-end", x: at(mohs) + (mohs === 1 ? -6 : 6), y: 9, "text-anchor": mohs === 1 ? "start" : "end" });
    end.textContent = t(key);
    drawing.append(end);
  }
  return drawing;
}

function bounds(tools, chosen, way) {
  return tools.filter((tool) => chosen[tool.name] === way).map((tool) => tool.mohs);
}

function band(name, from, to, height) {
  return svg("rect", { class: name, x: from, y: LINE - height / 2, width: Math.max(6, to - from), height, rx: height / 2 });
}
