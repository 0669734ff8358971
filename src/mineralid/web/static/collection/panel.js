// Many stones: drop a folder or a table, watch the answers come, filter, correct, export.

import { Gone, Problem } from "../api.js";
import { el, fill, icon, show } from "../dom.js";
import { t } from "../messages.js";
import { noteWords, problemWords } from "../problems.js";
import { limits } from "../vocabulary.js";
import { save } from "../save.js";
import { chosenFiles, droppedFiles, sorted } from "./dropped.js";
import { rowElement } from "./row.js";
import { Run } from "./run.js";
import { collectionCsv } from "./table.js";
import { matches } from "./told.js";

const HAS_FOLDERS = "webkitdirectory" in HTMLInputElement.prototype;
const FILTERS = ["all", "decided", "open", "doubted", "failed", "corrected"];

const NOTHING = { photos: [], table: null, others: 0 };

/** Set up the view in `root`. `openStone({photos, readings}, keep)`: look at one stone; `keep(report)` is
 *  called with its newer answer. Returns {tell} for a change of language. */
export function collectionPanel(root, { openCard, openStone, gone, say }) {
  let run = null;
  let chosen = NOTHING;
  let view = { text: "", filter: "all" };
  let told = { stage: "preparing", done: 0, total: 0 };
  let error = "";
  const urls = new Map(); // path -> object URL of its picture

  const start = el("section", { class: "collect", "aria-labelledby": "collection-title" });
  const progress = el("section", { class: "run", hidden: true });
  const list = el("ul", { class: "stone-list" });
  const toolbar = el("div", { class: "toolbar", hidden: true });
  const shown = el("p", { class: "hint shown-count", role: "status" });
  fill(root, start, progress, toolbar, shown, list);
  setUpDrop();

  function choose(files) {
    const found = sorted(files);
    chosen = {
      photos: [...chosen.photos.filter((p) => !found.photos.some((q) => q.path === p.path)), ...found.photos],
      table: found.table ?? chosen.table,
      others: found.others,
    };
    error = files.length && !found.photos.length && !found.table ? t("collection.nothing") : "";
    if (chosen.photos.length > limits().batch_photos) {
      error = t("collection.too-many", { count: chosen.photos.length, most: limits().batch_photos });
      chosen = { ...chosen, photos: [] };
    }
    tellStart();
    start.querySelector("[data-start]")?.focus();
  }

  function begin() {
    forget();
    run = new Run();
    run.addEventListener("progress", (event) => {
      told = event.detail;
      tellProgress();
    });
    run.addEventListener("rows", (event) => addRows(event.detail));
    run.addEventListener("gone", (event) => gone(event.detail));
    run.addEventListener("end", (event) => {
      error = ended(event.detail);
      tellStart();
      tellProgress();
      say(t(`collection.${run.state}`, { count: run.rows.length }));
    });
    error = "";
    fill(list);
    const { photos, table } = chosen;
    chosen = NOTHING;
    run.start(photos, table);
    tellStart();
    tellToolbar();
  }

  function ended(problem) {
    if (!problem) return "";
    if (problem instanceof Gone) return t("gone.short");
    return problem instanceof Problem ? problemWords(problem) : t("problem.other");
  }

  function forget() {
    run?.stop();
    run = null;
    for (const url of urls.values()) URL.revokeObjectURL(url);
    urls.clear();
  }

  function tellStart() {
    const { photos, table, others } = chosen;
    const running = run?.state === "running";
    const summary = [
      photos.length ? t("collection.photos", { count: photos.length }) : "",
      table ? t("collection.table", { name: table.path }) : "",
      others > 0 ? t("collection.others", { count: others }) : "",
    ].filter(Boolean);
    fill(
      start,
      el("h1", { id: "collection-title", text: t("collection.title") }),
      el("p", { class: "lead", text: t("collection.lead") }),
      running
        ? []
        : el("div", { class: "photo-buttons" },
            HAS_FOLDERS && picker("folder", t("collection.folder"), { webkitdirectory: true, multiple: true }, "choose-folder"),
            picker("pictures", t("collection.pictures"), { accept: "image/*,.heic,.heif", multiple: true }, "choose-pictures"),
            picker("table", t("collection.choose-table"), { accept: ".csv,text/csv" }, "choose-table")),
      running ? "" : el("p", { class: "hint drop-hint", text: t("collection.drop") }),
      running ? "" : el("details", { class: "columns-help" }, el("summary", { text: t("collection.columns") }), el("p", { class: "hint", text: t("collection.columns.more") })),
      error ? el("p", { class: "field-error", role: "alert", text: error }) : "",
      (photos.length || table) && !running
        ? el("div", { class: "chosen" },
            el("p", { text: summary.join(t("sentence.join")) }),
            el("button", { class: "button", type: "button", "data-start": true, text: t("collection.start"), on: { click: begin } }),
            el("button", { class: "quiet", type: "button", text: t("collection.clear"), on: { click: () => { chosen = NOTHING; error = ""; tellStart(); } } }))
        : "",
    );
  }

  function picker(sign, words, attributes, name) {
    const input = el("input", { class: "visually-hidden", type: "file", data: { file: name }, ...attributes });
    input.addEventListener("change", () => {
      const files = chosenFiles(input.files);
      input.value = "";
      choose(files);
    });
    return el("label", { class: `button secondary ${name}` }, icon(sign), el("span", { text: words }), input);
  }

  function tellProgress() {
    show(progress, run !== null);
    if (!run) return;
    const running = run.state === "running";
    const words = running ? t(`collection.${told.stage}`, told) : t(`collection.${run.state}`, { count: run.rows.length });
    const meter = el("progress", { class: "meter", "aria-label": t("collection.progress") });
    if (told.stage !== "sending") {
      meter.max = Math.max(1, told.total);
      meter.value = told.done;
    }
    const stopping = progress.contains(document.activeElement);
    fill(progress, el("p", { class: "run-words", text: words }), running ? meter : "",
      run.notes.map((note) => el("p", { class: "hint", text: noteWords(note) })),
      running ? el("button", { class: "button secondary", type: "button", text: t("collection.stop"), on: { click: () => run.stop() } }) : "");
    if (stopping) progress.querySelector("button")?.focus();
    show(toolbar, run.rows.length > 0);
    tellShown();
  }

  function tellToolbar() {
    const search = el("input", {
      class: "number-input", type: "search", value: view.text, placeholder: t("collection.search"), "aria-label": t("collection.search"),
      on: { input: () => { view = { ...view, text: search.value }; filter(); } },
    });
    const select = el("select", {
      "aria-label": t("collection.filter"),
      on: { change: () => { view = { ...view, filter: select.value }; filter(); } },
    }, FILTERS.map((name) => el("option", { value: name, selected: name === view.filter, text: t(`filter.${name}`) })));
    fill(toolbar, search, select,
      el("button", { class: "button secondary", type: "button", "data-export": true, on: { click: exportCsv } }, icon("download"), el("span", { text: t("collection.export") })));
  }

  function exportCsv() {
    save("mineralid-collection.csv", "text/csv;charset=utf-8", collectionCsv(run.rows));
  }

  function addRows(rows) {
    const first = run.rows.length - rows.length;
    list.append(...rows.map((row, i) => element(row, first + i)));
    filter();
  }

  function element(row, number) {
    return rowElement(row, { number, picture: pictureOf(row), openCard, corrected: () => filter(), open: () => lookAt(row, number) });
  }

  function pictureOf({ report }) {
    const path = report.photos[0];
    const blob = path && run.pictures.get(path);
    if (!blob) return null;
    if (!urls.has(path)) urls.set(path, URL.createObjectURL(blob));
    return urls.get(path);
  }

  function lookAt(row, number) {
    const { report } = row;
    const photos = report.photos.filter((path) => run.pictures.has(path)).map((path) => ({ name: path, blob: run.pictures.get(path) }));
    const readings = Object.fromEntries(report.readings.map((r) => [r.test, { raw: r.given }]));
    openStone({ photos, readings, token: photos.length ? report.token : null }, (newer) => {
      row.report = { ...newer, row: report.row, photos: report.photos, carried: report.carried };
      list.children[number].replaceWith(element(row, number));
      filter();
    });
  }

  function filter() {
    run.rows.forEach((row, index) => show(list.children[index], matches(row, view)));
    tellShown();
  }

  function tellShown() {
    const count = run ? [...list.children].filter((item) => !item.hidden).length : 0;
    // While answers come one by one, the meter tells how far it is; nobody wants each counted aloud.
    shown.setAttribute("aria-live", run?.state === "running" ? "off" : "polite");
    shown.textContent = run?.rows.length ? t("collection.shown", { count, total: run.rows.length }) : "";
  }

  function setUpDrop() {
    root.addEventListener("dragover", (event) => {
      event.preventDefault();
      start.classList.add("is-over");
    });
    root.addEventListener("dragleave", (event) => {
      if (!root.contains(event.relatedTarget)) start.classList.remove("is-over");
    });
    root.addEventListener("drop", async (event) => {
      event.preventDefault();
      start.classList.remove("is-over");
      if (run?.state !== "running") choose(await droppedFiles(event.dataTransfer));
    });
  }

  function tell() {
    tellStart();
    tellProgress();
    tellToolbar();
    if (run) {
      fill(list, run.rows.map(element));
      filter();
    }
  }

  return { tell };
}
