// What a person can do about themselves: change the password, sign out here or everywhere.

import { h } from "./dom.js";

const KINDS = { link: "signed in by a one-time link", key: "an API key", environment: "the environment key" };

/** `leave(everywhere)` signs out. */
export function accountMenu(who, leave) {
  const menu = h("details", { class: "account" },
    h("summary", {}, h("span", { class: "account-name" }, who.person), h("small", { class: "muted" }, who.role)),
    h("div", { class: "account-list" },
      h("p", { class: "hint" }, KINDS[who.kind] ?? `signed in as ${who.person}`),
      who.kind === "person" && h("a", { href: "#/password", "on:click": () => (menu.open = false) }, "Change password"),
      h("button", { class: "quiet", "on:click": () => leave(false) }, "Sign out"),
      who.kind === "person" && h("button", { class: "quiet", "on:click": () => leave(true) }, "Sign out everywhere")));
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  menu.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget && !menu.contains(relatedTarget)) menu.open = false;
  });
  return menu;
}

// one listener for whichever menu is there: the next person gets a new one
document.addEventListener("pointerdown", ({ target }) => {
  for (const menu of document.querySelectorAll("details.account[open]")) if (!menu.contains(target)) menu.open = false;
});
