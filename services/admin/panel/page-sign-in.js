// Coming in: with a password, with a one-time link, and choosing a new password.

import { h, id, replace } from "./dom.js";
import { toast } from "./dialog.js";
import { go } from "./router.js";
import { session } from "./session.js";
import { plural } from "./words.js";

const THEN = "promptcast:then";
const SHORTEST = 12;
const LONGEST = 200;

/** Where the person wanted to go before signing in. */
function onwards() {
  const then = sessionStorage.getItem(THEN);
  sessionStorage.removeItem(THEN);
  go(then && !/^#\/(sign-in|welcome|password)/.test(then) ? then : "#/");
}

/** A labelled input with room for a hint under it. */
function field(label, input, hint) {
  const name = id("field");
  const below = hint && h("p", { class: "hint", id: `${name}-hint` }, hint);
  input.id = name;
  if (below) input.setAttribute("aria-describedby", below.id);
  return h("div", { class: "field" }, h("label", { htmlFor: name }, label), input, below);
}

/** A password input with a button that shows what is in it. */
function secret(label, props, hint) {
  const input = h("input", { type: "password", required: true, spellcheck: false, autocapitalize: "none", ...props });
  const show = h("button", { type: "button", class: "quiet", "aria-pressed": "false", "on:click": () => {
    const hidden = input.type === "password";
    input.type = hidden ? "text" : "password";
    show.setAttribute("aria-pressed", String(hidden));
    show.textContent = hidden ? "Hide" : "Show";
    input.focus();
  } }, "Show");
  show.setAttribute("aria-label", `Show ${label.toLowerCase()}`);
  const whole = field(label, input, hint);
  input.before(h("div", { class: "secret" }));
  whole.querySelector(".secret").append(input, show);
  return { input, whole };
}

function door(title, ...children) {
  return h("section", { class: "card door" },
    h("img", { src: "/panel/icon.svg", alt: "", width: 36, height: 36 }), h("h1", {}, title), children);
}

/** A form that is sent at most once at a time, and says what went wrong beside its button. */
class Gate {
  #error = h("p", { class: "error", role: "alert" });
  #timer = 0;

  /** `refused`: what a 401 means here. */
  constructor(action, refused, send, signal) {
    this.refused = refused;
    this.button = h("button", { class: "primary wide-button", type: "submit" }, action);
    this.send = send;
    this.action = action;
    signal.addEventListener("abort", () => clearInterval(this.#timer));
  }

  form(...children) {
    return h("form", { novalidate: true, "on:submit": (event) => this.#submit(event) }, children, this.#error, this.button);
  }

  async #submit(event) {
    event.preventDefault();
    if (this.button.disabled) return;
    this.say("");
    this.#busy(true);
    try {
      await this.send();
    } catch (problem) {
      this.say(problem.status === 401 ? this.refused : problem.message);
      if (problem.status === 429) return this.#wait(problem.retryAfter ?? 5);
    }
    this.#busy(false);
  }

  say(text) {
    this.#error.textContent = text;
  }

  #busy(busy) {
    this.button.disabled = busy;
    this.button.textContent = busy ? "One moment…" : this.action;
  }

  /** Not a second of it is asked for in vain: the button counts down. */
  #wait(seconds) {
    const end = performance.now() + seconds * 1000;
    this.say(`Too many attempts. You can try again in ${plural(Math.ceil(seconds), "second")}.`);
    const tick = () => {
      const left = Math.ceil((end - performance.now()) / 1000);
      this.button.textContent = left > 0 ? `Wait ${left} s` : this.action;
      if (left > 0) return;
      clearInterval(this.#timer);
      this.say("");
      this.#busy(false);
    };
    this.button.disabled = true;
    this.#timer = setInterval(tick, 250);
    tick();
  }
}

class SignInPage extends HTMLElement {
  #ends = new AbortController();

  connectedCallback() {
    const name = h("input", { name: "username", autocomplete: "username", required: true, autocapitalize: "none", spellcheck: false, maxLength: 64 });
    const password = secret("Password", { name: "password", autocomplete: "current-password", maxLength: LONGEST });
    const gate = new Gate("Sign in", "Name and password do not belong together.", async () => {
      if (!name.value.trim() || !password.input.value) return gate.say("Give your name and your password.");
      await session.signIn({ name: name.value.trim(), password: password.input.value });
      onwards();
    }, this.#ends.signal);
    const asked = sessionStorage.getItem(THEN);
    this.append(door("Sign in",
      asked && asked.length > 3 && h("p", { class: "muted" }, "You will be taken back to where you were; what you wrote there is kept."),
      gate.form(field("Name", name), password.whole),
      h("p", { class: "hint" }, "No password, or forgotten? Ask an admin for a one-time link: they make it under People & keys. The very first link comes from ",
        h("code", {}, "promptcast admin --bootstrap"), ".")));
    setTimeout(() => name.focus());
  }

  disconnectedCallback() {
    this.#ends.abort();
  }
}

/** The token of the address, which is taken out of it: it does not stay in the history. */
function takeToken(route) {
  const { token } = route.query;
  if (token) history.replaceState(null, "", `#/${route.page}`);
  return token;
}

class WelcomePage extends HTMLElement {
  connectedCallback() {
    const token = takeToken(this.route);
    if (token) this.#enter(token);
    else this.#refused("This address has no link in it, or it was used already.");
  }

  async #enter(token) {
    replace(this, door("Welcome", h("p", { class: "muted", role: "status" }, "Signing in…")));
    try {
      await session.signIn({ token });
      this.#in();
    } catch (problem) {
      const used = problem.status === 401;
      this.#refused(used ? "This link was used already, or it is too old. Each works once." : problem.message);
    }
  }

  #in() {
    if (session.who.kind !== "link") return onwards();
    replace(this, door("Welcome",
      h("p", {}, "You are signed in by a one-time link. Add yourself as a person with a password of your own, so that changes carry your name and you can come back."),
      h("div", { class: "stack" },
        h("a", { class: "button primary wide-button", href: "#/people" }, "Add people"),
        h("a", { class: "button wide-button", href: "#/" }, "Go to the prompts"))));
  }

  #refused(text) {
    replace(this, door("This link does not work", h("p", { role: "alert" }, text),
      h("p", { class: "muted" }, "Ask an admin for a new one, or run ", h("code", {}, "promptcast admin --bootstrap"), "."),
      h("a", { class: "button wide-button", href: "#/sign-in" }, "Sign in with a password")));
  }
}

class PasswordPage extends HTMLElement {
  #ends = new AbortController();

  connectedCallback() {
    const token = takeToken(this.route);
    if (!token && session.who?.kind !== "person") return this.#nobody();
    this.append(door(token ? "Choose your password" : "Change your password", this.#form(token)));
  }

  disconnectedCallback() {
    this.#ends.abort();
  }

  #form(token) {
    const current = !token && secret("Current password", { name: "current", autocomplete: "current-password", maxLength: LONGEST });
    const next = secret("New password", { name: "new", autocomplete: "new-password", minLength: SHORTEST, maxLength: LONGEST },
      `${SHORTEST} to ${LONGEST} characters, of any kind. A few words that only you put together are good.`);
    const length = h("p", { class: "hint", role: "status" });
    next.input.addEventListener("input", () => (length.textContent = tooShort(next.input.value)));
    const gate = new Gate("Set password", token ? "This link was used already, or it is too old. Ask an admin for a new one." : "The current password is wrong.", async () => {
      const wrong = complaint(current && current.input.value, next.input.value);
      if (wrong) return gate.say(wrong);
      await session.setPassword({ ...(token ? { token } : { current: current.input.value }), password: next.input.value });
      toast("Your password is set. Sessions elsewhere have ended.", "good");
      onwards();
    }, this.#ends.signal);
    setTimeout(() => (current || next).input.focus());
    // whose password it is: what a password manager files it under
    const whose = !token && h("input", { class: "visually-hidden", name: "username", autocomplete: "username", value: session.who.person, readOnly: true, tabIndex: -1, "aria-hidden": "true" });
    return gate.form(whose, current && current.whole, next.whole, length);
  }

  #nobody() {
    this.append(door("This link does not work", h("p", {}, "It has no token in it, or it was opened already. Ask an admin for a new one."),
      h("a", { class: "button wide-button", href: "#/sign-in" }, "Sign in")));
  }
}

function tooShort(text) {
  const missing = SHORTEST - [...text].length;
  return text && missing > 0 ? `${plural(missing, "more character")}` : "";
}

function complaint(current, next) {
  const length = [...next].length;
  if (current === "") return "Give your current password.";
  if (length < SHORTEST) return `The new password has ${plural(length, "character")}; it needs at least ${SHORTEST}.`;
  if (length > LONGEST) return `The new password has ${length} characters; at most ${LONGEST} are taken.`;
  return current && current === next ? "The new password is the current one." : null;
}

customElements.define("pc-sign-in", SignInPage);
customElements.define("pc-welcome", WelcomePage);
customElements.define("pc-password", PasswordPage);
