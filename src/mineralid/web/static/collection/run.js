// One run over a collection: pictures shrunk, sent once, and the answers fetched as they come.

import * as api from "../api.js";
import { shrink } from "../shrink.js";

const POLL_MS = 700;

/** Events: `progress` (detail: {stage, done, total}), `rows` (detail: new rows), `end` (detail: null
 *  or the error), `gone` (detail: bool). stage: "preparing", "sending", "answering". */
export class Run extends EventTarget {
  pictures = new Map(); // path -> blob, for looking at
  rows = [];
  notes = []; // what the server says of the table, in English
  state = "idle"; // "idle", "running", "done", "stopped", "failed"
  #id = null;
  #stop = null;

  /** photos: [{file, path}]; table: {file, path} or null. */
  async start(photos, table) {
    this.#stop = new AbortController();
    this.state = "running";
    const { signal } = this.#stop;
    try {
      const form = new FormData();
      for (const [index, { file, path }] of photos.entries()) {
        this.#progress("preparing", index, photos.length);
        const blob = await shrink(file);
        if (signal.aborted) return;
        this.pictures.set(path, blob);
        form.append("photos", blob, path);
      }
      if (table) form.append("table", table.file, table.path);
      this.#progress("sending", 0, photos.length);
      const { id, total, notes } = await api.startBatch(form, signal);
      this.#id = id;
      this.notes = notes ?? [];
      await this.#follow(total, signal);
      this.#end("done", null);
    } catch (error) {
      if (!signal.aborted) this.#end("failed", error);
      if (!(signal.aborted || error instanceof api.Problem || error instanceof api.Gone)) throw error;
    }
  }

  /** Stop; the answers that have come stay. */
  async stop() {
    this.#stop?.abort();
    this.#end("stopped", null);
    if (this.#id) await api.endBatch(this.#id).catch(() => {});
  }

  async #follow(total, signal) {
    this.#progress("answering", this.rows.length, total);
    for (;;) {
      let answer;
      try {
        answer = await api.batch(this.#id, this.rows.length, signal);
        this.#emit("gone", false);
      } catch (error) {
        if (!(error instanceof api.Gone)) throw error;
        this.#emit("gone", true); // the server may come back with the batch still there
        await pause(POLL_MS * 4);
        if (signal.aborted) return;
        continue;
      }
      if (answer.rows.length) {
        const rows = answer.rows.map((report) => ({ report, mineral: "" }));
        this.rows.push(...rows);
        this.#emit("rows", rows);
      }
      this.#progress("answering", this.rows.length, total);
      if (answer.state !== "running" && this.rows.length >= answer.done) return;
      await pause(POLL_MS);
      if (signal.aborted) return;
    }
  }

  #progress(stage, done, total) {
    this.#emit("progress", { stage, done, total });
  }

  #end(state, error) {
    if (this.state !== "running") return;
    this.state = state;
    this.#emit("end", error);
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

function pause(ms) {
  return new Promise((done) => setTimeout(done, ms));
}
