// One stone: its photographs and readings, and the asking for an answer.
//
// Photographs go to the server once. Its answer carries a token, and every change of a reading is
// asked with the token alone; when that has expired, the photographs are sent again by themselves.

import * as api from "./api.js";
import { asText, normal } from "./readings.js";
import { shrink } from "./shrink.js";

const AFTER_MS = 160; // several quick changes are one question
const RETRIES = 5;
const LISTED = 10;

/** Events: `photos`, `reading` (detail: test), `busy` (detail: bool), `answer`, `problem` (detail:
 *  Problem or null), `gone` (detail: bool), `waiting` (detail: seconds). */
export class Stone extends EventTarget {
  photos = []; // {name, blob, url}
  readings = {}; // test -> value, see readings.js
  options = { confidence: "", trust: "" };
  report = null;
  problem = null;
  token = null;
  #timer = 0;
  #asking = null;

  /** Whether there is anything to answer from. */
  get isEmpty() {
    return !this.photos.length && !Object.values(this.readings).some(normal);
  }

  async addPhotos(files) {
    for (const file of files) {
      const blob = await shrink(file);
      this.photos.push({ name: file.name || "photo.jpg", blob, url: URL.createObjectURL(blob) });
    }
    this.#photosChanged();
  }

  removePhoto(index) {
    for (const photo of this.photos.splice(index, 1)) URL.revokeObjectURL(photo.url);
    this.#photosChanged();
  }

  setReading(test, value) {
    const given = normal(value);
    if (given) this.readings[test] = given;
    else delete this.readings[test];
    this.#emit("reading", test);
    this.ask();
  }

  setOption(name, value) {
    this.options[name] = value;
    this.ask();
  }

  /** Another stone: nothing of this one is kept. token: of photographs that the server has already. */
  clear({ readings = {}, photos = [], token = null } = {}) {
    for (const photo of this.photos) URL.revokeObjectURL(photo.url);
    this.photos = photos.map((p) => ({ ...p, url: URL.createObjectURL(p.blob) }));
    this.readings = readings;
    this.token = token;
    this.#take(null);
    this.#emit("photos");
    this.#emit("reading", null);
    this.ask();
  }

  /** Ask anew, soon; an older question that is still open is dropped. */
  ask(after = AFTER_MS) {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    if (this.isEmpty) {
      this.#asking = null;
      this.#emit("busy", false);
      this.#fail(null);
      this.#take(null);
      return;
    }
    this.#emit("busy", true);
    this.#timer = setTimeout(() => this.#ask(0), after);
  }

  async #ask(tried) {
    const asking = new AbortController();
    this.#asking = asking;
    let wait = 0;
    try {
      const report = await api.identify(this.#form(), asking.signal);
      if (asking.signal.aborted) return;
      if (report.token) this.token = report.token;
      this.#emit("gone", false);
      this.#fail(null);
      this.#take(report);
    } catch (error) {
      if (asking.signal.aborted || error.name === "AbortError") return;
      if (this.token && error instanceof api.Problem && error.field === "token") {
        this.token = null;
        return this.#ask(tried);
      }
      if (error instanceof api.Gone) {
        this.#emit("gone", true);
      } else if (error instanceof api.Problem) {
        const busy = error.status === 503 || error.status === 429;
        if (busy && tried < RETRIES) wait = Math.min(error.retryAfter ?? 2, 60);
        else this.#fail(error);
      } else throw error;
    }
    if (wait) {
      this.#emit("waiting", wait);
      this.#timer = setTimeout(() => this.#ask(tried + 1), 1000 * wait);
      return;
    }
    this.#emit("busy", false);
  }

  #form() {
    const form = new FormData();
    if (this.token) form.append("token", this.token);
    else for (const photo of this.photos) form.append("photos", photo.blob, photo.name);
    for (const [test, value] of Object.entries(this.readings)) form.append(test, asText(value));
    for (const [name, value] of Object.entries(this.options)) if (value) form.append(name, value);
    form.append("top", String(LISTED));
    return form;
  }

  #photosChanged() {
    this.token = null;
    this.#emit("photos");
    this.ask();
  }

  #take(report) {
    this.report = report;
    this.#emit("answer");
  }

  #fail(problem) {
    this.problem = problem;
    this.#emit("problem", problem);
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
