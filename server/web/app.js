// The status page: opens the event stream, shows the lists once, then what changes.
import { Refused, events, get, hasToken, setToken } from "./api.js";
import { bootRow, releaseRow, targetRow } from "./view.js";

const by = (id) => document.getElementById(id);
const targetRows = new Map(); // controllerId -> row
let nextTargets = null;       // where the next page of targets begins
let following = null;         // AbortController of the event stream
let viewed = null;            // controllerId of the target whose starts are shown

function showConnection(state, text) {
  by("connection").dataset.state = state;
  by("connection").textContent = text;
}

async function showBoots(id) {
  viewed = id;
  const { boots } = await get(`/api/v1/targets/${encodeURIComponent(id)}`);
  if (viewed !== id) return; // closed, or another one was chosen meanwhile
  by("target-name").textContent = id;
  by("boots").tBodies[0].replaceChildren(...boots.map(bootRow));
  by("boots").hidden = boots.length === 0;
  by("no-boots").hidden = boots.length !== 0;
  by("target-view").hidden = false;
}

function closeBoots() {
  viewed = null;
  by("target-view").hidden = true;
}

// After an event. Without an answer the page closes them and goes on: they are not what it is for.
async function refreshBoots() {
  const id = viewed;
  try {
    await showBoots(id);
  } catch (error) {
    if (viewed === id) closeBoots();
    if (error instanceof Refused) throw error;
  }
}

// What somebody clicked for: fails as follow() does, and closes no other target's view.
async function asked(work, id) {
  const { signal } = following;
  try {
    await work();
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof Refused) return leave(error.message);
    if (id && viewed === id) closeBoots();
  }
}

function showTarget(target) {
  const row = targetRow(target, () => asked(() => showBoots(target.id), target.id));
  const old = targetRows.get(target.id);
  const focused = old?.contains(document.activeElement);
  if (old) old.replaceWith(row);
  else by("targets").tBodies[0].append(row);
  if (focused) row.querySelector("button").focus();
  targetRows.set(target.id, row);
  by("targets").hidden = false;
  by("no-targets").hidden = true;
  by("target-count").textContent = `${targetRows.size}${nextTargets ? "+" : ""}`;
}

async function loadTargets() {
  const after = nextTargets ? `?after=${encodeURIComponent(nextTargets)}` : "";
  const page = await get(`/api/v1/targets${after}`);
  nextTargets = page.next ?? null;
  page.targets.forEach(showTarget);
  by("more").hidden = !nextTargets;
}

async function loadReleases() {
  const { releases } = await get("/api/v1/releases");
  by("releases").tBodies[0].replaceChildren(...releases.map(releaseRow));
  by("releases").hidden = releases.length === 0;
  by("no-releases").hidden = releases.length !== 0;
}

async function loadAll() {
  nextTargets = null;
  targetRows.clear();
  by("targets").tBodies[0].replaceChildren();
  await Promise.all([loadTargets(), loadReleases()]);
  if (viewed) await refreshBoots();
}

async function handle(event) {
  if (event.name === "target") {
    showTarget(event.data);
    if (event.data.id === viewed) await refreshBoots();
  } else if (event.name === "release") await loadReleases();
  else await loadAll(); // "open", or "lost": events were dropped because this page was too slow
}

function showLive() {
  by("login").hidden = true;
  by("content").hidden = by("leave").hidden = false;
  showConnection("live", "live");
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Lists and stream, again and again until the token is refused or forgotten.
async function follow() {
  following = new AbortController();
  const { signal } = following;
  while (!signal.aborted) {
    try {
      for await (const event of events(signal)) {
        await handle(event);
        showLive();
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refused) return leave(error.message);
    }
    showConnection("lost", "connection lost, trying again");
    await pause(2000);
  }
}

function leave(reason = "") {
  following?.abort();
  closeBoots();
  setToken("");
  by("content").hidden = by("leave").hidden = true;
  by("login").hidden = false;
  by("refused").textContent = reason;
  by("token").value = "";
  by("token").focus();
  showConnection("off", "not connected");
}

by("login").addEventListener("submit", (event) => {
  event.preventDefault();
  setToken(by("token").value.trim());
  by("refused").textContent = "";
  follow();
});
by("leave").addEventListener("click", () => leave());
by("target-close").addEventListener("click", closeBoots);
by("more").addEventListener("click", () => asked(loadTargets));

if (hasToken()) follow();
else leave();
