// Saving: one request, repeated under the same key until its outcome is known.

import { api, promptPath } from "./api.js";

/** Seconds that an answer waits for the replicas; the strip goes on by itself after that. */
const WAIT = "wait=all&timeout=2";

/** A key that no other request has. `crypto.randomUUID` is not there on plain HTTP. */
export function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Whether the service may have done it, or may yet do it when asked again. */
export const worthRepeating = (problem) => problem.status === 0 || problem.status >= 500 || problem.status === 408;

/** Whether it may have been done although nobody said so. */
export const doubtful = (problem) => problem.status === 0 || problem.type === "outcome-unknown" || problem.type === "internal";

export class Saver {
  #last = null;

  /** The key of a request whose outcome is open; null when none is. */
  get key() {
    return this.#last?.key ?? null;
  }

  /** A request of before a reload of the page is still open. */
  resume(key, content, base) {
    this.#last = { key, sent: JSON.stringify(content), revision: base.revision, doubtful: true };
  }

  /** Save `content` on top of `base`; the answer's body, or a `Problem`. */
  async save(name, content, base) {
    const sent = JSON.stringify(content);
    if (this.#last?.sent !== sent || this.#last.revision !== base.revision) {
      this.#last = { key: newKey(), sent, revision: base.revision, doubtful: this.#last?.doubtful ?? false, before: this.#last?.sent };
    }
    const precondition = base.state === "live" ? { ifMatch: base.revision } : { ifNoneMatch: true };
    try {
      const { body } = await api.post(promptPath(name, `/versions?${WAIT}`), content, { ...precondition, key: this.#last.key });
      this.#last = null;
      return body;
    } catch (problem) {
      if (doubtful(problem)) this.#last.doubtful = true;
      if (!worthRepeating(problem) && problem.type !== "revision-moved") this.#last = null; // refused: nothing is open
      throw problem;
    }
  }

  /** What was sent without an answer, if anything: it may be what is live now. */
  get open() {
    if (!this.#last?.doubtful) return [];
    return [this.#last.sent, this.#last.before].filter(Boolean).map((sent) => JSON.parse(sent));
  }

  /** The outcome is known, or does not matter any more. */
  settled() {
    this.#last = null;
  }
}
