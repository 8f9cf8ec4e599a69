// The frame around every page: who, where, and whether we hear of what happens.

import { h, replace } from "./dom.js";
import { accountMenu } from "./account-menu.js";
import { live } from "./live.js";
import { follow, go, promptHash } from "./router.js";
import { session } from "./session.js";
import { toast } from "./dialog.js";
import { plural } from "./words.js";

/** Where a page is, when not in the module of its own name. Each is loaded when it is first shown. */
const MODULES = { welcome: "sign-in", password: "sign-in" };
const OPEN = new Set(["sign-in", "welcome", "password"]);
const THEME = "promptcast:theme";
const main = h("main", { id: "main", tabIndex: -1 });
const nav = h("nav", { class: "places", "aria-label": "Places" });
const tabs = h("nav", { class: "tabs", "aria-label": "This prompt" });
const health = h("a", { class: "health", href: "#/fleet" });
const who = h("div", { class: "who" });
const banner = h("p", { class: "banner", role: "status", hidden: true });
let route = null;
let menuOf = null;

function frame() {
  const theme = h("button", { class: "quiet", "aria-label": "Light or dark", title: "Light or dark", "on:click": turn }, "◐");
  replace(document.getElementById("app"),
    h("header", { class: "top" },
      h("a", { class: "brand", href: "#/", "aria-label": "Promptcast, start" },
        h("img", { src: "/panel/icon.svg", alt: "", width: 22, height: 22 }), h("span", {}, "Promptcast")),
      nav, h("span", { class: "gap" }), health, theme, who),
    banner, tabs, main);
}

async function show(next) {
  if (!session.who && !OPEN.has(next.page)) {
    sessionStorage.setItem("promptcast:then", location.hash);
    return go("#/sign-in");
  }
  route = next;
  document.title = [next.name, next.page === "prompts" ? "" : title(next.page), "Promptcast"].filter(Boolean).join(" · ");
  bars();
  if (!(await loaded(next.page)) || route !== next) return;
  const page = document.createElement(`pc-${next.page}`);
  page.route = next;
  replace(main, page);
  main.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

async function loaded(page) {
  try {
    await import(`./page-${MODULES[page] ?? page}.js`);
    return true;
  } catch {
    toast("This page could not be loaded: the service is out of reach.", "bad");
    return false;
  }
}

const title = (page) => page[0].toUpperCase() + page.slice(1).replace("-", " ");

function bars() {
  if (!route) return; // the first page is not shown yet
  const signed = session.who !== null;
  const inPrompt = route?.name !== null && route?.name !== undefined;
  replace(nav, signed && [place("#/prompts", "Prompts", inPrompt || route.page === "prompts"), place("#/fleet", "Fleet", route.page === "fleet"),
    place("#/help", "Help", route.page === "help"), place("#/audit", "Audit", route.page === "audit"),
    session.can("admin") && place("#/people", "People & keys", route.page === "people")]);
  tabs.hidden = !inPrompt || !signed;
  replace(tabs, inPrompt && [h("strong", { class: "prompt-name" }, route.name),
    place(promptHash(route.name), "Prompt", route.page === "prompt"),
    place(promptHash(route.name, "history"), "Change history", route.page === "history" || route.page === "compare"),
    place(promptHash(route.name, "try"), "Try it", route.page === "try")]);
  if (menuOf !== session.who) {
    menuOf = session.who; // one menu for as long as it is the same person's: an open one stays open
    replace(who, menuOf && accountMenu(menuOf, leave));
  }
  pulse();
}

const place = (href, text, here) => h("a", { href, "aria-current": here ? "page" : null }, text);

function pulse() {
  health.hidden = session.who === null;
  const members = [...live.fleet.values()];
  const current = members.filter((member) => member.state === "current").length;
  const kind = !live.connected ? "warn" : current === members.length && members.length ? "good" : "bad";
  health.className = `health ${kind}`;
  replace(health, h("i", { class: "lamp" }),
    !live.connected ? "reconnecting…" : members.length ? `${current}/${plural(members.length, "replica")}` : "no replicas");
  const words = session.who && trouble();
  banner.hidden = !words;
  replace(banner, words || "");
}

const LOGS = { log: "the prompts' log", access: "the log of people and keys" };

/** Why nothing can be saved now; null when it can. */
function trouble() {
  if (live.readOnly) return `Nothing can be saved until this service is upgraded (${live.readOnly}).`;
  const shut = [...live.saving.values()].filter(({ state }) => state !== "open");
  const worst = shut.find(({ state }) => state === "diverged") ?? shut[0];
  if (!worst) return null;
  const log = LOGS[worst.log] ?? worst.log;
  if (worst.state === "diverged") return `Saving is stopped, chat goes on: ${log} is in doubt (${worst.reason}). Whoever operates this has to act: 'promptcast fork show' tells more.`;
  if (worst.state === "healing") return `Saving waits, chat goes on: ${log} is being made whole (${worst.reason}).`;
  return `Nothing can be saved right now, chat goes on: ${log} is being looked at (${worst.reason}).`;
}

async function leave(everywhere) {
  try {
    await session.signOut({ everywhere });
    sessionStorage.removeItem("promptcast:then"); // whoever comes next begins at the start
  } catch (problem) {
    toast(problem.message, "bad");
  }
}

function turn() {
  const root = document.documentElement;
  const dark = getComputedStyle(root).colorScheme.startsWith("dark");
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem(THEME, root.dataset.theme);
}

async function start() {
  const theme = localStorage.getItem(THEME);
  if (theme) document.documentElement.dataset.theme = theme;
  frame();
  live.addEventListener("change", pulse);
  session.addEventListener("change", () => {
    if (session.who) live.start();
    else live.stop();
    if (!session.who && route && !OPEN.has(route.page)) signedOut();
    bars();
  });
  try {
    await session.recall();
  } catch (problem) {
    toast(problem.message, "bad");
  }
  follow(show);
}

/** The page stays as it is behind the door: what was typed is in its draft. */
function signedOut() {
  sessionStorage.setItem("promptcast:then", location.hash);
  go("#/sign-in");
}

start();
