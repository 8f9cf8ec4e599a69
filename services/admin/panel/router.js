// Where one is: a hash such as `#/prompts/system/compare?from=1&to=2`, and the page that belongs to it.

const PAGES = new Set(["fleet", "help", "audit", "people", "sign-in", "welcome", "password"]);
const OF_A_PROMPT = new Set(["history", "compare", "try"]);

/** `{page, name, query}` of a hash; the page is `prompts` when it is no other. */
export function parse(hash) {
  const [path, search = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [first, name, rest] = path.split("/").map(decoded);
  const query = Object.fromEntries(new URLSearchParams(search));
  if (first === "prompts" && name) return { page: OF_A_PROMPT.has(rest) ? rest : "prompt", name, query };
  return { page: PAGES.has(first) ? first : "prompts", name: null, query };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The hash of a prompt's page. */
export const promptHash = (name, page = "", query = {}) => {
  const search = new URLSearchParams(query).toString();
  return `#/prompts/${encodeURIComponent(name)}${page ? `/${page}` : ""}${search ? `?${search}` : ""}`;
};

let guard = null;
/** `allowed()` is asked (and may ask the person) before the page is left; null: no objection. */
export function onLeave(allowed) {
  guard = allowed;
}

/** Go to a hash. */
export function go(hash) {
  if (location.hash === hash) window.dispatchEvent(new HashChangeEvent("hashchange"));
  else location.hash = hash;
}

/** Call `show(route)` now and whenever the place changes, unless the page objects. */
export function follow(show) {
  let here = location.hash;
  const moved = async () => {
    const there = location.hash;
    if (guard && there !== here && !(await guard())) {
      history.replaceState(null, "", here || "#/");
      return;
    }
    guard = null;
    here = there;
    show(parse(there));
  };
  window.addEventListener("hashchange", moved);
  show(parse(here));
}
