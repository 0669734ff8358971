// Calls to the server. Addresses are relative, so the app may live under any path.

/** What the server refused: status, field, kind (last part of its type), detail, seconds to wait. */
export class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(body.detail ?? body.title ?? "");
    this.detail = body.detail ?? "";
    this.status = status;
    this.field = body.field ?? null;
    this.kind = String(body.type ?? "").split("/").pop();
    this.retryAfter = retryAfter;
  }
}

/** The server cannot be reached. */
export class Gone extends Error {}

async function call(address, options = {}) {
  let response;
  try {
    response = await fetch(`api/${address}`, { ...options, credentials: "omit" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Gone(String(error));
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw new Problem(response.status, body, Number(response.headers.get("Retry-After")) || null);
}

async function json(address, options) {
  const response = await call(address, options);
  return response.status === 204 ? null : response.json();
}

const segment = encodeURIComponent;

export const health = () => json("health", { cache: "no-store" });
export const messages = (lang) => json(`messages/${segment(lang)}`);
export const tests = (lang) => json(`tests?lang=${segment(lang)}`);
export const names = (lang) => json(`names/${segment(lang)}`);
export const mineral = (name, lang) => json(`minerals/${segment(name)}?lang=${segment(lang)}`);
export const identify = (form, signal) => json("identify", { method: "POST", body: form, signal });

/** The picture with the map of where a mineral was seen, as a blob. */
export async function heatmap(token, mineral, photo, signal) {
  const asked = new URLSearchParams({ token, mineral, photo: String(photo) });
  return (await call(`heatmap?${asked}`, { signal })).blob();
}

export const startBatch = (form, signal) => json("batch", { method: "POST", body: form, signal });
export const batch = (id, from, signal) =>
  json(`batch/${segment(id)}?from=${from}`, { signal, cache: "no-store" });
export const endBatch = (id) => json(`batch/${segment(id)}`, { method: "DELETE" });
