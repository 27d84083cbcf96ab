// The server's API for this page: JSON requests and the event stream, both with the token.

export class Refused extends Error {} // the token is not (or no longer) good

let token = sessionStorage.getItem("token") ?? "";

export const hasToken = () => token !== "";

export function setToken(text) {
  token = text;
  if (text) sessionStorage.setItem("token", text);
  else sessionStorage.removeItem("token");
}

async function ask(path, signal) {
  const response = await fetch(path, {
    headers: { Authorization: `Bearer ${token}` }, cache: "no-store", signal,
  });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  const text = problem.message ?? `The server answered ${response.status}.`;
  throw response.status === 401 ? new Refused(text) : new Error(text);
}

export const get = async (path) => (await ask(path)).json();

// One block of the stream: lines "event: name" and "data: json"; comments and others are skipped.
function parse(block) {
  const event = {};
  for (const line of block.split("\n")) {
    const colon = line.indexOf(": ");
    if (colon > 0) event[line.slice(0, colon)] = line.slice(colon + 2);
  }
  return event.event ? { name: event.event, data: JSON.parse(event.data) } : null;
}

// Yields "open" and then events until the stream ends. EventSource cannot send a header, so this
// reads by fetch.
export async function* events(signal) {
  const response = await ask("/api/v1/events", signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  yield { name: "open" };
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (text + value).split("\n\n");
    text = blocks.pop();
    for (const event of blocks.map(parse)) if (event) yield event;
  }
}
