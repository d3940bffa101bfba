// What the pages ask this host for.
const EPOCH_MS = Date.UTC(2000, 0, 1);

/** The address of a file that these scripts come with. */
export const asset = (name) => new URL(name, import.meta.url).href;

/** A time of the wire (seconds since 2000) in ms; null stays null. */
export const ms = (seconds) => (seconds === null ? null : EPOCH_MS + seconds * 1000);

/** The JSON at `path`. */
export async function json(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

/** Do something; the message for the person if it was refused, else null. */
export async function act(path, body = {}) {
  const answer = await post(path, body);
  return answer.ok ? null : refusal(await answer.json());
}

/** Send a body as JSON, as a page of ours. */
export function post(path, body, method = "POST") {
  const csrf = document.documentElement.dataset.csrf;
  return fetch(path, { method, headers: { "X-CSRF-Token": csrf, "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

/** Why something was refused: a message, or what is wrong with the values. */
export const refusal = ({ detail }) => (Array.isArray(detail) ? detail.map(({ msg }) => msg).join(", ") : String(detail));

/** The class of such a text: one that begins with a word is shown as a sentence, an address or id as it is. */
export const wrong = (text) => (/^\p{L}+[ ,]/u.test(text) ? "wrong sentence" : "wrong");

/** Post and read the answer: {answer}, or {refused} with the message for the person. */
export async function send(path, body) {
  const answer = await post(path, body);
  const read = await answer.json();
  return answer.ok ? { answer: read } : { refused: refusal(read) };
}

/** The steps of a column as its values. */
export function summed(steps) {
  let sum = 0;
  return steps.map((step) => (step === null ? null : (sum += step)));
}
