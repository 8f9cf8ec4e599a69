// What was typed and not saved, kept in this browser for each person and prompt.
//
// A draft remembers what it is based on, so that nothing of somebody else is overwritten later. It is erased
// by a save, and with everything of that person at sign-out. What was set aside (discarded, or given up for
// somebody else's) is kept until then too, so that it can be brought back.

import { session } from "./session.js";

const PREFIX = "promptcast:draft:";
const of = (person) => `${PREFIX}${encodeURIComponent(person)}:`;

session.addEventListener("leaving", ({ detail: person }) => {
  if (person) eraseAll(person);
});

/** Everything that this person has not saved. */
function eraseAll(person) {
  for (const key of Object.keys(localStorage)) {
    if (key.startsWith(of(person))) localStorage.removeItem(key);
  }
}

/** The names of the prompts that this person has a draft of. */
export function drafted(person) {
  return Object.keys(localStorage)
    .filter((key) => key.startsWith(of(person)) && !key.endsWith(":aside"))
    .map((key) => key.slice(of(person).length));
}

export class Draft {
  #key;
  /** Signed out: what is still typed is kept no more. */
  closed = false;

  constructor(person, name, signal) {
    this.#key = of(person) + name;
    session.addEventListener("leaving", () => (this.closed = true), { signal });
  }

  /** `{template, form, note, version, revision, key, at}`, or null. */
  read() {
    return parsed(localStorage.getItem(this.#key));
  }

  /** Whether it could be kept: a browser may be full, or keep nothing. */
  keep(content) {
    return this.closed || this.#put(this.#key, content);
  }

  erase() {
    localStorage.removeItem(this.#key);
  }

  setAside(content) {
    return this.#put(`${this.#key}:aside`, content);
  }

  aside() {
    return parsed(localStorage.getItem(`${this.#key}:aside`));
  }

  forgetAside() {
    localStorage.removeItem(`${this.#key}:aside`);
  }

  #put(key, content) {
    try {
      localStorage.setItem(key, JSON.stringify({ ...content, at: new Date().toISOString() }));
      return true;
    } catch {
      return false;
    }
  }
}

function parsed(text) {
  try {
    const found = JSON.parse(text);
    return typeof found?.template === "string" ? found : null;
  } catch {
    return null;
  }
}
