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

export function targetRow(target) {
  const row = document.createElement("tr");
  const runs = target.version + (target.slot ? ` (slot ${target.slot.toUpperCase()})` : "");
  const name = cell(element("strong", target.id));
  if (target.uid) name.append(element("span", target.uid, { class: "detail" }));
  row.append(name, cell(target.board || "not told yet"), cell(runs || "not told yet"),
    update(target.action), progress(target.action), cell(time(target.seen)));
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
