// The photographs of the stone: taken, chosen or dropped; looked at; left out again.

import { el, fill, icon, show } from "./dom.js";
import { t } from "./messages.js";
import { heatmapView } from "./heatmap.js";
import { problemWords } from "./problems.js";
import { limits } from "./vocabulary.js";

/** Set up the panel `root` (see index.html) for a stone. Returns {build} for a change of language. */
export function photosPanel(root, stone) {
  const find = (name) => root.querySelector(`[data-part="${name}"]`);
  const parts = ["empty", "filled", "stage", "strip", "actions", "below", "error"];
  const [empty, filled, stage, strip, actions, below, error] = parts.map(find);
  const inputs = root.querySelectorAll("input[type=file]");
  const heat = heatmapView(stone);
  let shown = 0;

  for (const input of inputs)
    input.addEventListener("change", () => {
      const files = [...input.files];
      input.value = ""; // so that the same picture can be chosen again
      take(files);
    });
  setUpDrop(root, take);

  async function take(files) {
    const most = limits().photos;
    const pictures = files.filter((file) => file.type.startsWith("image/") || /\.(heic|heif|jpe?g|png|webp|tiff?|bmp)$/i.test(file.name));
    if (files.length && !pictures.length) return tell(t("problem.not-an-image"));
    const room = most - stone.photos.length;
    tell(pictures.length > room ? t("photos.too-many", { most }) : "");
    shown = stone.photos.length;
    root.classList.add("is-reading");
    try {
      await stone.addPhotos(pictures.slice(0, Math.max(0, room)));
    } finally {
      root.classList.remove("is-reading");
    }
  }

  function tell(words) {
    error.textContent = words;
    show(error, Boolean(words));
  }

  function build() {
    const { photos } = stone;
    show(empty, !photos.length);
    show(filled, photos.length > 0);
    root.classList.toggle("has-photos", photos.length > 0);
    if (!photos.length) {
      heat.off();
      fill(stage);
      fill(strip);
      return;
    }
    shown = Math.min(shown, photos.length - 1);
    heat.choose(shown);
    fill(stage, picture(photos[shown], t("photos.of", { number: shown + 1, count: photos.length })), heat.layer);
    fill(strip, photos.length > 1 ? photos.map(thumb) : []);
    show(strip, photos.length > 1);
    fill(actions, heat.toggle, removal());
    fill(below, heat.choices);
  }

  function picture(photo, alt) {
    const image = el("img", { class: "stage-picture", src: photo.url, alt });
    image.addEventListener("error", () => image.replaceWith(el("p", { class: "unseen", text: t("photos.unseen", { name: photo.name }) })));
    return image;
  }

  function thumb(photo, index) {
    const label = t("photos.show", { number: index + 1 });
    return el(
      "button",
      {
        class: "thumb", type: "button", "aria-label": label, "aria-pressed": String(index === shown),
        on: { click: () => { shown = index; build(); strip.querySelectorAll(".thumb")[index]?.focus(); } },
      },
      el("img", { src: photo.url, alt: "" }),
    );
  }

  function removal() {
    return el(
      "button",
      {
        class: "quiet", type: "button", "aria-label": t("photos.remove.label", { number: shown + 1 }),
        on: { click: () => { tell(""); stone.removePhoto(shown); root.querySelector("label.button input")?.focus(); } },
      },
      icon("close"),
      el("span", { text: t("photos.remove") }),
    );
  }

  stone.addEventListener("photos", build);
  stone.addEventListener("problem", (event) => {
    const problem = event.detail;
    const ours = problem && (problem.field === "photos" || problem.status === 413 || problem.status === 415);
    if (ours) tell(problemWords(problem));
    else if (!problem && stone.report) tell("");
  });
  return { build };
}

/** Files may be dropped anywhere on the element. */
function setUpDrop(root, take) {
  let inside = 0;
  const over = (isOver) => root.classList.toggle("is-over", isOver);
  root.addEventListener("dragenter", (event) => {
    event.preventDefault();
    inside += 1;
    over(true);
  });
  root.addEventListener("dragover", (event) => event.preventDefault());
  root.addEventListener("dragleave", () => {
    inside -= 1;
    over(inside > 0);
  });
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    inside = 0;
    over(false);
    take([...event.dataTransfer.files]);
  });
}
