// What a member's numbers mean, in words. The numbers come with the updates: nobody is asked for them.

/** Why nobody should rely on a member now, in words; null: it is as it should be. */
export function trouble(member, head, silence) {
  const { state } = member;
  if (state === "gone") return `Nothing was heard of it ${since(silence)}. Its process hangs, is cut off, or has died.`;
  if (state === "lagging" && silence > 3) return `Nothing was heard of it ${since(silence)}.`;
  if (state === "lagging") return `It is ${head - member.applied_position} behind the log for more than 3 s.`;
  if (state === "stale") return "It has lost the log, and answers with what it last knew.";
  if (state === "diverged") return "The log is not the one that it knows: it takes nothing new until somebody looks.";
  if (state === "catching_up") return `It is reading the log: ${Math.max(0, head - member.applied_position)} to go.`;
  if (state === "starting") return "It is starting.";
  return null;
}

const since = (seconds) => (seconds === null ? "yet" : `for ${Math.round(seconds)} s`);

/** How bad a state is: 0 is well. */
export const severity = (member) => SEVERITY[member.state] ?? 1;
const SEVERITY = { current: 0, catching_up: 1, starting: 1, lagging: 2, stale: 2, gone: 3, diverged: 3 };

/** `good`, `warn` or `bad`, for badges. */
export const kindOf = (member) => ["good", "warn", "warn", "bad"][severity(member)];

/** The state as people say it. */
export const stateWord = (member) => (member.state === "lagging" && member.silent_seconds > 3 ? WORDS.gone : WORDS[member.state] ?? member.state);
const WORDS = { current: "up to date", catching_up: "catching up", lagging: "lagging", gone: "silent", stale: "cut off" };

/** A rejection's reason as people say it; the log's own word stays beside it. */
export const reasonWords = (reason) => REASONS[reason] ?? "it could not be applied";
const REASONS = {
  missing_fields: "the entry is incomplete",
  too_large: "the entry is too large",
  wrong_hash: "its content does not fit its hash: it was altered",
  unsigned: "it is not signed, and this replica takes only signed ones",
  unknown_key: "it is signed with a key that this replica does not know",
  wrong_signature: "its signature is wrong",
  bad_json: "it is no readable JSON",
  invalid: "it breaks the rules for prompts",
  unknown_type: "it is of a kind that this version does not know: upgrade this replica",
  wrong_position: "it says that it stands elsewhere in the log",
  broken_chain: "it does not follow from the entry before it",
  opened_twice: "the log was opened a second time",
  crashed: "applying it failed inside of the replica",
};
