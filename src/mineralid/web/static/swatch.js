// A drawn streak: a mark of powder across a tile of unglazed porcelain.

import { svg } from "./dom.js";

// Powder this light and this grey is drawn on a dark tile, as on a black plate.
const PALE = 212;
const GREYISH = 70;

// The mark: ragged where the stone was set down and lifted, with loose grains beside it.
const MARK =
  "M5 39.5 9.5 33 7.5 33.5 12.5 28 27 15 34 9.5 32 13 39.5 7.5 36.5 12 43 9 38 15.5 40.5 15.5 " +
  "33 23 18.5 35 11.5 39.5 14 36 8 40.5 9.5 37.5z";
const FADED = "M7.5 36 30 15.5 38 10M10.5 37.5 34 17.5 40 13M12 30.5 26 18.5";
const GRAINS = [[16, 24, 0.9], [22, 19.5, 0.7], [27, 29.5, 0.8], [20.5, 34.5, 0.9], [31, 26, 0.6], [36, 20.5, 0.9], [12, 26, 0.6]];

/** rgb: [r, g, b], or null for a stone that leaves no mark and scratches the plate. */
export function swatch(rgb) {
  const tile = svg("svg", {
    class: `swatch${isPale(rgb) ? " swatch-dark" : ""}`, viewBox: "0 0 48 48", "aria-hidden": "true", focusable: "false",
  });
  tile.append(svg("rect", { class: "swatch-tile", x: "0.5", y: "0.5", width: "47", height: "47", rx: "7" }));
  if (!rgb) {
    tile.append(svg("path", { class: "swatch-scratch", d: "M10 36 38 11M13 38.5 39.5 15" }));
    return tile;
  }
  const color = `rgb(${rgb.join(",")})`;
  tile.append(
    svg("path", { d: MARK, fill: color, stroke: color, "stroke-opacity": "0.35", "stroke-width": "2.5", "stroke-linejoin": "round" }),
    svg("path", { class: "swatch-faded", d: FADED }),
    ...GRAINS.map(([cx, cy, r]) => svg("circle", { cx, cy, r, fill: color, "fill-opacity": "0.75" })),
  );
  return tile;
}

function isPale(rgb) {
  if (!rgb) return false;
  const [r, g, b] = rgb;
  return Math.max(r, g, b) - Math.min(r, g, b) < GREYISH && 0.3 * r + 0.59 * g + 0.11 * b > PALE;
}
