// Who has the change, replica by replica, as they say so: `<pc-propagation>`.
//
// `prompt` is the prompt's name. `change` is the answer of a save or restore, or null: then it tells who
// serves what is live. `saving` is true from the click until the answer: replicas may be faster.
// Everything is worked out anew from what `live` knows, so it is true after any reconnect, restart or change.

import { h, icon, replace } from "./dom.js";
import { live } from "./live.js";
import { duration, ms, plural } from "./words.js";

const TICK_MS = 1000;
const SLOW_SECONDS = 3;
const CHIPS = 24;
const WHY = {
  starting: "is starting",
  lagging: "is slow to answer",
  gone: "is silent",
  stale: "is cut off from the log",
  diverged: "follows another log",
  draining: "is shutting down",
};
const REASONS = { "bad-signature": "the signature is wrong", "newer-schema": "it is older than this change" };
const MARKS = { applied: ["good", "check"], rejected: ["bad", "cross"], pending: ["wait", "clock"], skipped: ["", "dot"] };

customElements.define("pc-propagation", class extends HTMLElement {
  #change = null;
  #prompt = null;
  #saving = false;
  #before = 0;
  #seen = { position: 0, at: 0 };
  #lags = new Map();
  #leaving = null;
  #timer = 0;
  #text = null;
  #line = h("p", { class: "strip-line", role: "status", "aria-live": "polite" });
  #chips = h("ul", { class: "strip-chips", "aria-label": "Replicas" });
  #notes = h("ul", { class: "strip-notes" });

  get change() {
    return this.#change;
  }

  set change(change) {
    this.#change = change;
    if (change) {
      this.#prompt = change.prompt;
      for (const each of change.propagation.replicas) this.#lag(change.position, each.replica, each.lag_ms);
    }
    this.#show();
  }

  set prompt(name) {
    this.#prompt = name;
    this.#show();
  }

  set saving(saving) {
    this.#saving = saving;
    if (saving) {
      this.#change = null;
      this.#before = live.prompts.get(this.#prompt)?.revision ?? 0;
    }
    this.#show();
  }

  connectedCallback() {
    this.#leaving = new AbortController();
    const { signal } = this.#leaving;
    replace(this, this.#line, this.#chips, this.#notes);
    live.addEventListener("reported", ({ detail }) => this.#lag(detail.position, detail.replica, detail.lag_ms), { signal });
    live.addEventListener("change", () => this.#show(), { signal });
    this.#timer = setInterval(() => this.#settled || this.#show(), TICK_MS);
    this.#show();
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
    this.#leaving.abort();
  }

  #settled = false;

  #lag(position, replica, lag) {
    if (lag !== null && lag !== undefined) this.#lags.set(`${position} ${replica}`, lag);
    if (this.#lags.size > 1000) this.#lags.delete(this.#lags.keys().next().value);
  }

  /** The position that counts: of the change, unless the prompt was changed again since. */
  #target() {
    const known = live.prompts.get(this.#prompt);
    const position = Math.max(this.#change?.position ?? 0, known?.revision ?? 0);
    const own = this.#change?.position === position ? this.#change : null;
    return { position, own, version: own ? own.version : known?.version ?? null };
  }

  /** What each replica has made of it. */
  #spread({ position, own }) {
    if (!live.fleet.size && own) return own.propagation.replicas.map((each) => ({ ...each, id: each.replica, lag: each.lag_ms, state: "" }));
    const told = new Map(own?.propagation.replicas.map((each) => [each.replica, each]));
    return [...live.fleet.values()].sort((a, b) => a.id.localeCompare(b.id, "en", { numeric: true })).map((member) => {
      const lag = this.#lags.get(`${position} ${member.id}`) ?? live.lags.get(member.id)?.findLast((each) => each.position === position)?.lag ?? null;
      return { id: member.id, state: member.state, lag, ...made(member, position, this.#prompt, told.get(member.id)) };
    });
  }

  #show() {
    if (!this.isConnected) return;
    const target = this.#target();
    const asking = this.#saving && target.position <= this.#before; // else it is written, and the answer waits for the replicas
    const spread = !target.position ? [] : asking ? this.#waiting() : this.#spread(target);
    if (target.position !== this.#seen.position) this.#seen = { position: target.position, at: Date.now() };
    const fresh = this.#saving || target.own !== null;
    this.#settled = !this.#saving && spread.every((each) => each.outcome === "applied" || each.outcome === "skipped");
    this.dataset.state = asking ? "saving" : state(spread);
    this.#say(asking ? "Saving…" : sentence(target, spread));
    this.#light(spread, fresh);
    const notes = asking ? [] : remarks(spread, (Date.now() - this.#seen.at) / 1000);
    if (target.own?.durable === false) notes.unshift("It is saved, but was not confirmed in time in every place where it should be kept: if the log's server were lost now, so might be this change.");
    if (!live.connected && spread.length) notes.push("The connection is being made again: this is what was heard last.");
    replace(this.#notes, notes.map((text) => h("li", {}, text)));
  }

  /** One lamp for each replica; a lamp stays the same element, so that it is seen to change. */
  #light(spread, fresh) {
    const old = new Map([...this.#chips.children].map((element) => [element.dataset.replica, element]));
    const lamps = spread.slice(0, CHIPS).map((each) => chip(old.get(each.id) ?? h("li", { data: { replica: each.id } }), each, fresh));
    const more = spread.length > CHIPS ? [h("li", { class: "muted" }, `and ${spread.length - CHIPS} more`)] : [];
    const next = [...lamps, ...more];
    if (more.length || next.length !== old.size || next.some((lamp, at) => lamp !== this.#chips.children[at])) replace(this.#chips, next);
  }

  #waiting() {
    return [...live.fleet.keys()].sort().map((id) => ({ id, outcome: "pending", lag: null }));
  }

  /** Only what is new is said: a screen reader would read it again. */
  #say(text) {
    const kind = { converged: "check", rejected: "cross", partial: "clock", saving: "clock" }[this.dataset.state];
    this.#line.className = `strip-line ${this.dataset.state}`;
    if (text === this.#text) return;
    this.#text = text;
    replace(this.#line, kind && icon(kind), h("span", {}, text));
  }
});

/** `{outcome, reason}` of a member for an event; a replica that restarts says it anew. */
function made(member, position, prompt, told) {
  const rejected = member.rejected?.find((each) => each.position === position);
  if (rejected) return { outcome: "rejected", reason: [REASONS[rejected.reason] ?? rejected.reason, rejected.detail].filter(Boolean).join(": ") };
  if (member.prompts?.length && !member.prompts.some((glob) => matches(glob, prompt))) return { outcome: "skipped" };
  if (member.state === "diverged" || member.state === "gone") return { outcome: "pending" };
  if ((member.applied_position ?? 0) >= position) return { outcome: "applied" };
  return member.state === "current" && told && told.outcome === "applied" ? { outcome: "applied" } : { outcome: "pending" };
}

/** Whether a glob of a replica (`*`, `?`, `[…]`) names the prompt. */
function matches(glob, name) {
  const pattern = glob.replace(/[.+^${}()|\\]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".").replaceAll("[!", "[^");
  try {
    return new RegExp(`^${pattern}$`, "s").test(name ?? "");
  } catch {
    return true;
  }
}

function state(spread) {
  const outcomes = new Set(spread.map((each) => each.outcome));
  if (!spread.length) return "none";
  if (outcomes.has("rejected")) return "rejected";
  return outcomes.has("pending") ? "partial" : "converged";
}

function sentence({ own, position, version }, spread) {
  if (!position) return "Not live anywhere yet";
  const counted = spread.filter((each) => each.outcome !== "skipped");
  const done = counted.filter((each) => each.outcome === "applied");
  const what = version === null ? "Archived" : own ? "Live" : `v${version} is live`;
  if (!spread.length) return live.connected ? "Saved. No replica is running: the next one to start will serve it" : "Reconnecting…";
  const where = `${what} on ${done.length} of ${plural(counted.length, "replica")}`;
  const took = own && done.length === counted.length ? elapsed(own, done) : null;
  return took === null ? where : `${where} in ${ms(took)}`;
}

/** From the append until the last one had it: the service's measure, or the slowest one's own, whichever is more. */
function elapsed(own, done) {
  if (own.unchanged) return null;
  const lags = done.map((each) => each.lag).filter((lag) => lag !== null);
  if (own.propagation.state === "converged") return Math.max(own.propagation.elapsed_ms ?? 0, ...lags);
  return lags.length === done.length ? Math.max(...lags) : null; // one that was started anew tells no lag
}

function chip(element, { id, outcome, lag }, fresh) {
  const [kind, picture] = MARKS[outcome];
  const words = { applied: fresh && lag !== null ? ms(lag) : "has it", rejected: "rejected", pending: "waiting", skipped: "not its prompt" };
  const word = words[outcome];
  if (element.className === `chip ${kind}` && element.lastChild?.textContent === word) return element;
  element.className = `chip ${kind}`;
  element.dataset.outcome = outcome;
  return replace(element, icon(picture), h("span", { class: "chip-name" }, id), h("span", { class: "chip-word" }, word));
}

/** A sentence for each replica that needs one. */
function remarks(spread, seconds) {
  const found = [];
  for (const { id, outcome, state: now, reason } of spread) {
    const silence = live.silence(live.fleet.get(id) ?? {});
    const since = silence && ["gone", "lagging"].includes(now) ? `, last heard of ${duration(silence)} ago` : "";
    if (outcome === "rejected") found.push(`${id} rejected it: ${reason}. It goes on with the version before.`);
    else if (outcome === "pending" && WHY[now]) found.push(`${id} ${WHY[now]}${since}.`);
    else if (outcome === "pending" && seconds > SLOW_SECONDS) found.push(`${id} is slow: nothing heard of this change yet.`);
    else if (outcome === "applied" && WHY[now] && now !== "lagging") found.push(`${id} has it, but ${WHY[now]}.`);
  }
  return found;
}
