// What a save would say, asked while one types; and what should not stand in a prompt at all.

import { api, promptPath } from "./api.js";

const PAUSE_MS = 300;
export const MOST_BYTES = 256 * 1024;
export const MANY_WORDS = 5000;
const encoder = new TextEncoder();

/** Tells `change` when `mistakes` (`[{pointer, detail, line, column}]`) are known anew. */
export class Validation extends EventTarget {
  mistakes = [];
  #timer = 0;
  #asked = null;

  /** The content has changed: forget what was said of the old one, and ask soon. */
  check(name, content) {
    this.stop();
    this.#timer = setTimeout(() => this.#ask(name, content), PAUSE_MS);
  }

  /** Nothing is to be asked (any more). */
  clear() {
    this.stop();
    this.#are([]);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#asked?.abort();
  }

  /** A save was refused: these are its words. */
  refused(problem) {
    this.stop();
    this.#are(problem.body.errors ?? [{ pointer: "", detail: problem.detail || problem.message }]);
  }

  async #ask(name, content) {
    const { signal } = (this.#asked = new AbortController());
    try {
      await api.post(promptPath(name, "/validate"), content, { signal });
      if (!signal.aborted) this.#are([]);
    } catch (problem) {
      if (signal.aborted) return;
      if (problem.type === "invalid" || problem.type === "too-large") this.refused(problem);
      else this.#are([]); // the save itself will say what is the matter
    }
  }

  #are(mistakes) {
    this.mistakes = mistakes;
    this.dispatchEvent(new Event("change"));
  }
}

/** `{bytes, words, tokens}`; the tokens are a guess, for every model counts them its own way. */
export function measure(text) {
  const size = encoder.encode(text).length;
  const words = text.match(/\S+/g)?.length ?? 0;
  const wide = (size - text.length) / 2; // about so many characters are not ASCII
  return { bytes: size, words, tokens: Math.ceil((text.length - wide) / 4 + wide * 0.7) };
}

const SECRETS = [
  ["an API key", /\b(?:sk|pk|rk)-(?:[A-Za-z0-9]{1,20}-){0,4}[A-Za-z0-9_]{20,200}|\bsk_live_[A-Za-z0-9]{16,99}/g],
  ["an AWS access key", /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g],
  ["a GitHub token", /\bgh[pousr]_[A-Za-z0-9]{30,99}|\bgithub_pat_[A-Za-z0-9_]{40,99}/g],
  ["a Slack token", /\bxox[abeprs]-[A-Za-z0-9-]{10,99}/g],
  ["a Google API key", /\bAIza[0-9A-Za-z_-]{35}/g],
  ["a GitLab token", /\bglpat-[0-9A-Za-z_-]{20,99}/g],
  ["a Promptcast key", /\bpc_[0-9a-f]{12}_[A-Za-z0-9_-]{40,99}/g],
  ["a signed token", /\beyJ[A-Za-z0-9_-]{10,300}\.eyJ[A-Za-z0-9_-]{10,999}\.[A-Za-z0-9_-]{10,999}/g],
  ["a private key", /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----/g],
  ["a password in an address", /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/:@{}]{0,99}:[^\s/@{}]{1,99}@/gi],
];
const MOST_SECRETS = 20;

/** What looks like a secret: `[{what, start, end, shown}]`; `shown` gives none of it away but its beginning. */
export function secrets(text) {
  const found = [];
  for (const [what, pattern] of SECRETS) {
    for (const match of text.matchAll(pattern)) {
      found.push({ what, start: match.index, end: match.index + match[0].length, shown: `${match[0].slice(0, 6)}…` });
      if (found.length === MOST_SECRETS) return found;
    }
  }
  return found.sort((a, b) => a.start - b.start);
}

/** The offset in UTF-16 of a line and a column, which count characters from 1. */
export function offsetOf(text, line, column) {
  let start = 0;
  for (let left = line - 1; left > 0; left--) {
    const end = text.indexOf("\n", start);
    if (end < 0) break;
    start = end + 1;
  }
  let offset = start;
  for (let left = column - 1; left > 0 && offset < text.length; left--) offset += text.codePointAt(offset) > 0xffff ? 2 : 1;
  return offset;
}

/** The line and column of an offset. */
export function placeOf(text, offset) {
  const before = text.slice(0, offset);
  const start = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: [...before.slice(start)].length + 1 };
}
