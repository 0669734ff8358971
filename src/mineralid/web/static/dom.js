// Make elements: el() for HTML, svg() for drawings, icon() for a sign of the sprite.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element. Attributes: `class`, `text`, `on` ({event: listener}), `data`, or any other;
 *  true writes the bare attribute, false, null and undefined leave it out. */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** An element of a drawing. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** A sign of icons/signs.svg, drawn in the colour of the text; hidden from screen readers. */
export function icon(name, extra = "") {
  return svg(
    "svg",
    { class: `icon ${extra}`.trim(), viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    svg("use", { href: `static/icons/signs.svg#${name}` }),
  );
}

/** Replace what an element holds. */
export function fill(parent, ...children) {
  parent.replaceChildren(...children.flat(Infinity).filter(isShown));
}

/** Show or hide; hidden elements leave the tab order too. */
export function show(element, shown) {
  element.hidden = !shown;
}

/** Scroll there, gently unless the person has asked for less motion. */
export function scrollTo(element) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  element.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "text") element.textContent = value;
    else if (name === "on")
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter(isShown));
  return element;
}

function isShown(child) {
  return child !== null && child !== undefined && child !== false && child !== "";
}
