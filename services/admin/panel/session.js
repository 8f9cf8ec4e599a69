// Who is signed in.

import { api, refusals, useCsrf } from "./api.js";

const ORDER = ["viewer", "editor", "admin"];

class Session extends EventTarget {
  /** `{person, role, csrf, kind, expires_at}`, or null. */
  who = null;

  constructor() {
    super();
    refusals.addEventListener("signed-out", () => this.#is(null));
  }

  /** Ask the service; nobody is an answer too. */
  async recall() {
    try {
      this.#is((await api.get("/session", { quiet: true })).body);
    } catch (problem) {
      if (problem.status !== 401) throw problem;
      this.#is(null);
    }
  }

  /** With `{name, password}` or `{token}`. */
  async signIn(how) {
    this.#is((await api.post("/session", how, { quiet: true })).body);
  }

  /** A new password, with `{token, password}` or `{current, password}`. */
  async setPassword(how) {
    this.#is((await api.post("/password", how, { quiet: true })).body);
  }

  /** Drafts of this person are erased from this browser with the session. */
  async signOut({ everywhere = false } = {}) {
    const person = this.who?.person;
    try {
      await api.delete(`/session${everywhere ? "?everywhere=true" : ""}`, { quiet: true });
    } catch (problem) {
      if (problem.status !== 401) throw problem; // it has ended already: that is what was asked for
    }
    this.dispatchEvent(new CustomEvent("leaving", { detail: person }));
    this.#is(null);
  }

  /** Whether the person may do what this role may do. */
  can(role) {
    return this.who !== null && ORDER.indexOf(this.who.role) >= ORDER.indexOf(role);
  }

  #is(who) {
    const changed = who?.person !== this.who?.person;
    this.who = who;
    useCsrf(who?.csrf ?? null);
    if (changed) this.dispatchEvent(new Event("change"));
  }
}

export const session = new Session();
