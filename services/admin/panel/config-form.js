// Model, parameters and defaults of variables: they travel and go live with the text. `<pc-config>`.
//
// What is typed is kept as it is (`form`), also while it makes no sense yet; `config` is what it comes to.

import { h, id, replace } from "./dom.js";

const KNOWN = ["temperature", "top_p", "max_completion_tokens", "reasoning_effort", "verbosity", "seed", "stop", "presence_penalty", "frequency_penalty", "response_format"];

/** What is typed to get this config. */
export function formOf({ model, parameters = {}, variables = {} }) {
  return {
    model: model ?? "",
    parameters: Object.entries(parameters).map(([name, value]) => [name, JSON.stringify(value)]),
    variables: Object.entries(variables),
  };
}

customElements.define("pc-config", class extends HTMLElement {
  #model = h("input", { id: id("model"), placeholder: "the service's default", maxLength: 200, spellcheck: false, autocomplete: "off" });
  #parameters = h("div", { class: "pairs" });
  #variables = h("div", { class: "pairs" });
  #wanted = h("p", { class: "hint wanted" });
  #names = h("datalist", { id: id("parameters") }, KNOWN.map((name) => h("option", { value: name })));
  #readOnly = false;
  #used = [];
  #mistakes = [];
  #built = false;

  connectedCallback() {
    if (this.#built) return;
    this.#built = true;
    replace(this,
      h("div", { class: "field" }, h("label", { htmlFor: this.#model.id }, "Model"), this.#model),
      h("fieldset", { class: "field" }, h("legend", {}, "Parameters"), this.#parameters,
        this.#adder("Add parameter", () => this.#add(this.#parameters, this.#parameter("", "")))),
      h("fieldset", { class: "field" }, h("legend", {}, "Defaults of variables"), this.#variables, this.#wanted,
        this.#adder("Add default", () => this.#add(this.#variables, this.#variable("", "")))),
      this.#names);
    this.addEventListener("input", () => this.#edited());
    this.#lock();
    this.#offer();
  }

  get form() {
    return { model: this.#model.value, parameters: read(this.#parameters), variables: read(this.#variables) };
  }

  /** What was typed before, or comes from a config; nothing is told of it. */
  set form({ model, parameters, variables }) {
    this.#model.value = model;
    replace(this.#parameters, parameters.map(([name, value]) => this.#parameter(name, value)));
    replace(this.#variables, variables.map(([name, value]) => this.#variable(name, value)));
    this.#check();
    this.#lock();
    this.#offer();
  }

  /** As the service takes it; without what makes no sense, which `mistakes` tells. */
  get config() {
    const { model, parameters, variables } = this.form;
    const values = parameters.filter(([name]) => name).map(([name, text]) => [name, json(text)]);
    return {
      ...(model.trim() ? { model: model.trim() } : {}),
      ...object("parameters", values.filter(([, value]) => value !== undefined)),
      ...object("variables", variables.filter(([name]) => name)),
    };
  }

  /** Sentences about what makes no sense here. */
  get mistakes() {
    return this.#mistakes;
  }

  set readOnly(readOnly) {
    this.#readOnly = readOnly;
    this.#lock();
  }

  /** The variables that the text uses: those without a default are offered. */
  set used(names) {
    if (names.join() === this.#used.join()) return;
    this.#used = names;
    this.#offer();
  }

  /** Go to what a problem's pointer names, such as `/config/parameters/seed`. */
  goTo(pointer) {
    const [, , part, name] = pointer.split("/");
    const rows = { parameters: this.#parameters, variables: this.#variables }[part];
    const row = rows && [...rows.children].find((each) => each.querySelector("input").value === name);
    (row?.querySelector("input:last-of-type") ?? (rows ?? this).querySelector("input") ?? this.#model).focus();
  }

  #adder(text, add) {
    return h("button", { class: "quiet adder", type: "button", "on:click": add }, `+ ${text}`);
  }

  #parameter(name, value) {
    return this.#row(name, value, { named: "Parameter", valued: "Value of the parameter, as JSON", list: this.#names.id, hint: "0.2, true, \"low\"" });
  }

  #variable(name, value) {
    return this.#row(name, value, { named: "Variable", valued: "Default of the variable", list: null, hint: "default" });
  }

  #row(name, value, { named, valued, list, hint }) {
    const error = h("p", { class: "error", hidden: true });
    const row = h("div", { class: "pair" },
      h("input", { value: name, "aria-label": named, placeholder: "name", list, maxLength: 100, spellcheck: false, autocomplete: "off" }),
      h("input", { value, "aria-label": valued, placeholder: hint, spellcheck: false, autocomplete: "off" }),
      h("button", { class: "quiet", type: "button", "aria-label": "Take out", title: "Take out", "on:click": () => this.#remove(row) }, "×"), error);
    return row;
  }

  #add(rows, row) {
    rows.append(row);
    const [name, value] = row.querySelectorAll("input");
    (name.value ? value : name).focus();
    this.#edited();
  }

  #remove(row) {
    const next = row.nextElementSibling ?? row.parentElement.nextElementSibling;
    row.remove();
    (next?.querySelector?.("input") ?? this.querySelector(".adder")).focus();
    this.#edited();
  }

  #edited() {
    this.#check();
    this.#offer();
    this.dispatchEvent(new Event("edited"));
  }

  #check() {
    this.#mistakes = [];
    for (const [rows, wrong] of [[this.#parameters, parameterError], [this.#variables, () => null]]) {
      const seen = new Set();
      for (const row of rows.children) {
        const [name, value] = [...row.querySelectorAll("input")].map((input) => input.value.trim());
        const error = name && seen.has(name) ? `${name} is there twice.` : wrong(name, value);
        seen.add(name);
        const line = row.querySelector(".error");
        line.hidden = !error;
        line.textContent = error ?? "";
        if (error) this.#mistakes.push(error);
      }
    }
  }

  #offer() {
    const defaults = new Set(read(this.#variables).map(([name]) => name));
    const open = this.#used.filter((name) => !defaults.has(name)).slice(0, 20);
    this.#wanted.hidden = !open.length;
    replace(this.#wanted, "Each request has to give: ", open.map((name, at) => [at > 0 && ", ", this.#readOnly
      ? h("code", {}, name)
      : h("button", { class: "link mono", type: "button", title: "Give it a default", "on:click": () => this.#add(this.#variables, this.#variable(name, "")) }, name)]));
  }

  #lock() {
    for (const input of this.querySelectorAll("input")) input.readOnly = this.#readOnly;
    for (const button of this.querySelectorAll(".adder, .pair button")) button.hidden = this.#readOnly;
  }
});

const read = (rows) => [...rows.children].map((row) => {
  const [name, value] = row.querySelectorAll("input");
  return [name.value.trim(), value.value];
});

const object = (name, entries) => (entries.length ? { [name]: Object.fromEntries(entries) } : {});

function parameterError(name, value) {
  if (!name) return value ? "This parameter has no name." : null;
  return json(value) === undefined ? `${name} is not JSON: texts stand in quotes, as in "low".` : null;
}

function json(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
