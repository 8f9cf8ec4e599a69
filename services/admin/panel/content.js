// What a prompt holds: reading it, and telling whether two are the same.

import { api, promptPath } from "./api.js";

/** What is live, with `state` `live`; `archived` with its last content; or `new`: there is none of that name. */
export async function liveContent(name, signal) {
  try {
    const { body } = await api.get(promptPath(name), { signal });
    return { ...body, state: "live" };
  } catch (problem) {
    if (problem.status !== 404) throw problem;
    return problem.body.archived_at ? archived(name, problem.body, signal) : blank(name);
  }
}

const blank = (name) => ({ name, state: "new", version: null, revision: null, template: "", config: {}, note: "" });

async function archived(name, body, signal) {
  const { items } = (await api.get(promptPath(name, "/versions?limit=1"), { signal })).body;
  const last = await versionContent(name, items[0].version, signal);
  return { ...last, state: "archived", revision: body.current_revision, recorded_at: body.archived_at };
}

/** One version, whole. */
export async function versionContent(name, version, signal) {
  if (version === null) return blank(name);
  return (await api.get(promptPath(name, `/versions/${version}`), { signal })).body;
}

/** The number of the version that was live before this one; null when there was none. */
export async function previousVersion(name, current, signal) {
  const { items } = (await api.get(promptPath(name, "/versions?limit=50"), { signal })).body;
  const earlier = items
    .filter((item) => item.version !== current.version)
    .flatMap((item) => item.live_intervals.map((interval) => ({ version: item.version, position: interval.position })))
    .filter((each) => each.position < current.revision)
    .sort((a, b) => b.position - a.position);
  return earlier[0]?.version ?? null;
}

/** JSON with its keys in order: equal configs give equal text. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const parts = Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
  return `{${parts.join(",")}}`;
}

/** A config without its empty parts: what is not there and what is empty mean the same. */
export function trimmed({ model, parameters, variables } = {}) {
  return {
    ...(model ? { model } : {}),
    ...(Object.keys(parameters ?? {}).length ? { parameters } : {}),
    ...(Object.keys(variables ?? {}).length ? { variables } : {}),
  };
}

/** Whether two contents are the same to a model. */
export const same = (a, b) => a.template === b.template && canonical(trimmed(a.config)) === canonical(trimmed(b.config));

/** The config as people read it, with its keys in order; nothing when it is empty. */
export function settings({ config }) {
  const found = JSON.parse(canonical(trimmed(config)));
  return Object.keys(found).length ? `${JSON.stringify(found, null, 2)}\n` : "";
}
