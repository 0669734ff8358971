// The server cannot be reached: say so, keep what was entered, and look for it until it is back.

import * as api from "./api.js";
import { show } from "./dom.js";

const EVERY_MS = 3000;

/** Set up the notice; `back()` is called when the server answers again. Returns gone(isGone). */
export function goneNotice(root, back) {
  let timer = 0;
  let isGone = false;

  function gone(now) {
    if (now === isGone) return;
    isGone = now;
    show(root, now);
    clearTimeout(timer);
    if (now) timer = setTimeout(look, EVERY_MS);
  }

  async function look() {
    clearTimeout(timer);
    try {
      await api.health();
    } catch {
      if (isGone) timer = setTimeout(look, EVERY_MS);
      return;
    }
    gone(false);
    back();
  }

  root.querySelector("button").addEventListener("click", look);
  window.addEventListener("online", () => isGone && look());
  return gone;
}
