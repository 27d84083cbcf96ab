// Records to table rows. Everything from the server is set as text, never as HTML.

const states = {
  pending: "offered", retrieved: "accepted", running: "updating", success: "installed",
  failure: "failed", canceled: "canceled", superseded: "replaced by a newer one",
};

function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function cell(...parts) {
  const made = document.createElement("td");
  made.append(...parts);
  return made;
}

const time = (seconds) => (seconds ? new Date(seconds * 1000).toLocaleString() : "never");

function size(bytes) {
  return bytes < 10240 ? `${bytes} bytes` : `${Math.round(bytes / 1024)} KB`;
}

function update(action) {
  if (!action) return cell("–");
  const parts = [
    element("span", states[action.state] ?? action.state,
      { class: "state", "data-state": action.state }),
    ` ${action.version}`,
  ];
  if (action.message) parts.push(element("span", action.message, { class: "detail" }));
  return cell(...parts);
}

function progress(action) {
  if (!action || action.state !== "running") return cell("");
  if (!(action.total > 0)) return cell(element("progress", "", { "aria-label": "in progress" }));
  const share = Math.min(1, action.done / action.total);
  const percent = `${Math.floor(share * 100)} %`;
  return cell(element("progress", "", { max: "1", value: String(share), "aria-label": percent }),
    element("span", percent, { class: "percent" }));
}

const actions = {
  boot_confirmed: "confirmed image started", start_trial: "trial started",
  continue_trial: "trial continued", revert_exhausted: "reverted: no attempts left",
  revert_bad: "reverted: does not verify", adopt_preferred: "unconfirmed image tried",
  adopt_fallback: "confirmed image corrupt, other tried", listen: "nothing bootable, listening",
};

const runs = ({ version, slot }) => version + (slot ? ` (slot ${slot.toUpperCase()})` : "");

// `show` is called when somebody wants to see the target's starts.
export function targetRow(target, show) {
  const row = document.createElement("tr");
  const open = element("button", target.id,
    { type: "button", class: "plain", title: "Show its last starts" });
  open.addEventListener("click", show);
  const name = cell(open);
  if (target.uid) name.append(element("span", target.uid, { class: "detail" }));
  row.append(name, cell(target.board || "not told yet"), cell(runs(target) || "not told yet"),
    update(target.action), progress(target.action), cell(time(target.seen)));
  return row;
}

export function bootRow(boot) {
  const row = document.createElement("tr");
  const error = boot.error === "OK" ? "" : boot.error;
  row.append(cell(String(boot.number)), cell(boot.reset), cell(actions[boot.action] ?? boot.action),
    cell(runs(boot) || "–"), cell(String(boot.attempts)),
    cell(element("span", error, { class: "problem" })), cell(time(boot.reported)));
  return row;
}

export function releaseRow(release) {
  const row = document.createElement("tr");
  const images = cell();
  for (const image of release.artifacts) {
    images.append(element("span",
      `${image.board}, slot ${image.slot.toUpperCase()}, ${size(image.size)}`, { class: "detail" }));
  }
  row.append(cell(element("strong", release.version)),
    cell(release.name === release.version ? "" : release.name), images, cell(time(release.created)));
  return row;
}
