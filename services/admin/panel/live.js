// What happens, as it happens: the fleet and the prompts, kept true by the service's event stream.

const LAGS_KEPT = 60;
const PAUSES_MS = [250, 500, 1000, 2000, 4000];
const SILENCE_MS = 25000; // the service says something every fifteen seconds
const LATE_SECONDS = 2.5;
const KINDS = ["state", "saved", "restored", "archived", "reported", "replica", "access", "log"];

class Live extends EventTarget {
  connected = false;
  head = 0;
  state = "starting";
  readOnly = null;
  /** How saving goes, by log: `{log, state, reason, since}`; `open` is well. */
  saving = new Map();
  /** Members by id, as `GET /fleet` lists them. */
  fleet = new Map();
  /** Prompts by name, as `GET /prompts` lists them. */
  prompts = new Map();
  /** The last lags of each member in ms: `{position, lag}`. */
  lags = new Map();
  /** When each member was last told of, in `performance.now()`: its seconds count from there. */
  told = new Map();
  #source = null;
  #failures = 0;
  #timer = 0;
  #watch = 0;

  start() {
    if (!this.#source) this.#connect();
  }

  stop() {
    clearTimeout(this.#timer);
    clearTimeout(this.#watch);
    this.#source?.close();
    this.#source = null;
    this.#is(false);
  }

  #connect() {
    const source = (this.#source = new EventSource("/api/v1/updates"));
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        this.#listen();
        this.#take(kind, JSON.parse(event.data));
      });
    }
    source.addEventListener("error", () => this.#again());
    this.#listen();
  }

  /** A connection that died without a word looks like a quiet one: ask again after a while. */
  #listen() {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.#again(), SILENCE_MS);
  }

  #again() {
    this.#source?.close();
    clearTimeout(this.#watch);
    clearTimeout(this.#timer);
    this.#is(false);
    const pause = PAUSES_MS[Math.min(this.#failures++, PAUSES_MS.length - 1)];
    this.#timer = setTimeout(() => this.#connect(), pause);
  }

  #is(connected) {
    if (connected === this.connected) return;
    this.connected = connected;
    this.#tell("connection");
    this.#tell("change");
  }

  #take(kind, data) {
    if (kind === "state") this.#begin(data);
    else if (kind === "reported") this.#reported(data);
    else if (kind === "replica") this.#replica(data);
    else if (kind === "log") this.saving.set(data.log, data);
    else if (kind !== "access") this.#prompt(kind, data);
    this.#tell(kind, data);
    this.#tell("change");
  }

  #begin(data) {
    this.head = data.head;
    this.state = data.state;
    this.readOnly = data.read_only;
    this.saving = new Map((data.saving ?? []).map((each) => [each.log, each]));
    this.fleet = new Map(data.fleet.items.map((member) => [member.id, member]));
    this.prompts = new Map(data.prompts.map((prompt) => [prompt.name, prompt]));
    this.lags = new Map(data.fleet.items.map(({ id, recent_lags }) =>
      [id, recent_lags.map(({ position, lag_ms }) => ({ position, lag: lag_ms }))]));
    for (const { id } of data.fleet.items) this.told.set(id, performance.now());
    this.#failures = 0;
    this.#is(true);
  }

  #reported(data) {
    const known = this.fleet.get(data.replica);
    if (!known) return;
    const { position, lag_ms, hash, rejected, changed } = data;
    const live = Object.fromEntries(Object.entries({ ...known.live, ...changed }).filter(([, served]) => served));
    const last_reload = lag_ms === null || position === known.applied_position ? known.last_reload : new Date().toISOString();
    this.fleet.set(data.replica, { ...known, applied_position: position, lag_ms, hash, rejected, live, last_reload, silent_seconds: 0 });
    this.#note(data.replica, position, lag_ms);
  }

  #replica(data) {
    if (data.state === "left") {
      this.fleet.delete(data.id);
      this.lags.delete(data.id);
    } else {
      this.fleet.set(data.id, { ...this.fleet.get(data.id), ...data });
      this.told.set(data.id, performance.now());
      this.#note(data.id, data.applied_position, data.lag_ms);
    }
  }

  #note(replica, position, lag) {
    if (lag === null || lag === undefined) return;
    const lags = this.lags.get(replica) ?? [];
    if (lags.at(-1)?.position === position) return;
    this.lags.set(replica, [...lags, { position, lag }].slice(-LAGS_KEPT));
  }

  #prompt(kind, data) {
    this.head = Math.max(this.head, data.position);
    const archived = kind === "archived";
    this.prompts.set(data.prompt, { ...this.prompts.get(data.prompt), ...data, name: data.prompt, archived });
  }

  /** Seconds since the service told of this member. */
  age(id) {
    return (performance.now() - (this.told.get(id) ?? performance.now())) / 1000;
  }

  /** Seconds since a member was last heard of; the service says so only of those that are late. Null: never. */
  silence({ id, silent_seconds: then }) {
    if (then === null || then === undefined) return null;
    return then > LATE_SECONDS ? then + this.age(id) : 0;
  }

  #tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}

export const live = new Live();
