// The admin service's API: every call of the panel goes through here.

/** What the service says when it cannot: an RFC 9457 problem. */
export class Problem extends Error {
  constructor(status, body, retryAfter = null) {
    super(body.detail || body.title || `The service answered ${status}.`);
    this.status = status;
    this.type = (body.type ?? "").replace("/problems/", "") || "unknown";
    this.title = body.title ?? "";
    this.detail = body.detail ?? "";
    this.body = body;
    /** Seconds to wait before the next try; null: the service did not say. */
    this.retryAfter = retryAfter;
  }
}

const PREFIX = "/api/v1";
const PATIENCE_MS = 45000;

/** Told of `signed-out` when a call was refused because nobody is signed in (any more). */
export const refusals = new EventTarget();

let csrf = null;
/** The token that every change has to carry; the session has it. */
export function useCsrf(token) {
  csrf = token;
}

async function call(method, path, { body, ifMatch, ifNoneMatch, key, signal, quiet } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET" && csrf) headers["X-CSRF-Token"] = csrf;
  if (ifMatch !== undefined) headers["If-Match"] = ifMatch === "*" ? "*" : `"${ifMatch}"`;
  if (ifNoneMatch) headers["If-None-Match"] = "*";
  if (key) headers["Idempotency-Key"] = key;
  const late = AbortSignal.timeout(PATIENCE_MS);
  const init = { method, headers, signal: signal ? AbortSignal.any([signal, late]) : late };
  if (body !== undefined) init.body = JSON.stringify(body);
  const response = await fetched(PREFIX + path, init);
  const parsed = await parse(response);
  if (response.ok) return { status: response.status, headers: response.headers, body: parsed };
  if (response.status === 401 && !quiet) refusals.dispatchEvent(new Event("signed-out"));
  throw new Problem(response.status, parsed ?? {}, Number(response.headers.get("Retry-After")) || null);
}

async function fetched(url, init) {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (init.signal.aborted && error.name === "AbortError") throw error;
    const title = error.name === "TimeoutError" ? "The service did not answer in time" : "The service is out of reach";
    throw new Problem(0, { type: "/problems/unreachable", title, detail: `${title}. Nothing that you wrote is lost.` });
  }
}

async function parse(response) {
  const text = await response.text();
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

export const api = {
  get: (path, options) => call("GET", path, options),
  post: (path, body, options) => call("POST", path, { body, ...options }),
  delete: (path, options) => call("DELETE", path, options),
};

/** `/prompts/<name>` and what is under it. */
export const promptPath = (name, rest = "") => `/prompts/${encodeURIComponent(name)}${rest}`;
