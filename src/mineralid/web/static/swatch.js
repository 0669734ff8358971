// A drawn streak: a mark of powder across a tile of unglazed porcelain.

import { svg } from "./dom.js";

const PALE = 205; // powder this light is drawn on a dark tile, as on a black plate

/** rgb: [r, g, b], or null for a stone that leaves no mark and scratches the plate. */
export function swatch(rgb) {
  const [r, g, b] = rgb ?? [0, 0, 0];
  const pale = rgb && 0.3 * r + 0.59 * g + 0.11 * b > PALE;
  const tile = svg("svg", {
    class: `swatch${pale ? " swatch-dark" : ""}`, viewBox: "0 0 48 48", "aria-hidden": "true", focusable: "false",
  });
  tile.append(svg("rect", { class: "swatch-tile", width: "48", height: "48", rx: "7" }));
  if (!rgb) {
    tile.append(svg("path", { class: "swatch-scratch", d: "M10 36 38 11M13 38.5 39.5 15" }));
    return tile;
  }
  const color = `rgb(${r},${g},${b})`;
  // Powder lies thick in the middle of the stroke and thins out at its edges.
  for (const [d, width, opacity] of [
    ["M8 36C17 30 29 19 40 11", 15, 0.45],
    ["M9 35.5C18 30 28 20 39 12", 11, 0.75],
    ["M10 35C18 29 29 19.5 38 13", 7, 1],
    ["M7 39 15 33M33 12l8-6M12 31l9-8M30 26l9-8", 2, 0.55],
  ])
    tile.append(
      svg("path", {
        d, stroke: color, "stroke-width": String(width), "stroke-opacity": String(opacity),
        "stroke-linecap": "round", fill: "none",
      }),
    );
  return tile;
}
