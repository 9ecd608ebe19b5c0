import { InputError, sealedManifest } from "./seal.js";

const REFUSED = {
  400: "This is no name of a namespace.",
  401: "The API server does not know this token, or it has expired.",
  403: "This token has no right to read that. Name a namespace in which it has.",
  429: "Too many questions at once. Wait a few seconds.",
  503: "The API server does not answer, or too many viewers ask at once. Try again.",
};
const MINUTE = 60, HOUR = 3600, DAY = 86400;

const at = (id) => document.getElementById(id);

// Return a duration as kubectl shows ages.
function span(seconds) {
  if (seconds === null) return "unknown";
  if (seconds < 2 * MINUTE) return `${seconds}s`;
  if (seconds < 2 * HOUR) return `${Math.floor(seconds / MINUTE)}m`;
  return seconds < 2 * DAY ? `${Math.floor(seconds / HOUR)}h` : `${Math.floor(seconds / DAY)}d`;
}

// Return a row of a table; texts are never markup.
function row(texts, styles = []) {
  const made = document.createElement("tr");
  texts.forEach((text, index) => {
    const cell = document.createElement(index ? "td" : "th");
    if (!index) cell.scope = "row";
    cell.textContent = text;
    if (styles[index]) cell.className = styles[index];
    made.append(cell);
  });
  return made;
}

// Ask Coffer in the viewer's name and show the answer; tell what went wrong.
async function ask(path, query, told, shown, show) {
  at(told).textContent = "Reading …";
  try {
    const token = at("token").value.trim();
    if (!token) throw new InputError("Give a token first, at the top of the page.");
    const answer = await fetch(`${path}?${new URLSearchParams(query)}`, { headers: { Authorization: `Bearer ${token}` } });
    if (!answer.ok) throw new InputError(REFUSED[answer.status] ?? `The answer is ${answer.status}.`);
    show(await answer.json());
    at(shown).hidden = false;
  } catch (error) {
    at(shown).hidden = true;
    at(told).textContent = error instanceof InputError ? error.message : "The page cannot reach Coffer.";
  }
}

function look(event) {
  event.preventDefault();
  return ask("v1/status", { namespace: at("where").value.trim() }, "told", "shown", show);
}

function explain(event) {
  event.preventDefault();
  const query = { kind: at("kind").value, namespace: at("its-namespace").value.trim(), name: at("its-name").value.trim() };
  return ask("v1/explain", query, "explain-told", "explained", showOne);
}

// Return a list item with a text, and items below it.
function item(text, below = [], style = "") {
  const made = document.createElement("li");
  made.textContent = text;
  if (style) made.className = style;
  if (below.length) {
    const list = document.createElement("ul");
    list.append(...below);
    made.append(list);
  }
  return made;
}

function node(each) {
  const text = [`${each.stage}:`, each.name, each.note ?? "", each.state === "good" ? "" : `(${each.state})`].join(" ").trim();
  return item(text, each.children.map(node), each.state === "bad" ? "bad" : "");
}

function showOne(found) {
  const name = `${found.kind} ${found.namespace ? `${found.namespace}/` : ""}${found.name}`;
  const state = found.exists ? (found.healthy ? "nothing stops it" : "something stops it") : "does not exist, or may not be read";
  at("explain-told").textContent = `${name}: ${state}`;
  at("faults").replaceChildren(...found.faults.map((each) => item(`${each.about}: ${each.problem}`, [item(each.cure)], "fault")));
  at("chain").replaceChildren(...found.tree.map(node));
  at("keys").replaceChildren(
    ...found.keys.map((each) => {
      const from = each.giver ? `${each.giver} ${each.entry ?? ""}`.trim() : "nothing of Coffer's";
      const remote = [each.store ?? "", each.remoteKey ?? "", each.property ?? ""].filter(Boolean).join(" · ");
      return row([each.name, from, remote, each.version ?? "", each.written ?? "missing"]);
    }),
  );
  at("notes").replaceChildren(
    ...found.next.map((each) => item(`Next: ${each.what}${each.at ? `, at ${each.at}` : ""}`)),
    ...found.mirrors.map((each) => item(`Mirror ${each.namespace}/${each.name}: ${each.state}`)),
    ...found.pushedBy.map((each) => item(`Pushed by ${each}`)),
    ...found.usedBy.map((each) => item(`Used by ${each.kind} ${each.name}: ${each.as.join(", ")}`)),
    ...found.stalePods.map((each) => item(`Pod ${each.name} runs the old value since ${each.started}: restart what made it`, [], "bad")),
    ...found.notShown.map((each) => item(`Not shown: ${each}`)),
  );
}

// Tell what providers are asked in a month, as `coffer cost` estimates it.
function billed({ callsPerMonth, dollarsPerMonth, complete }) {
  const part = complete ? "" : ", without what this token may not list";
  return `Providers are asked about ${callsPerMonth.toLocaleString("en")} times a month, for $${dollarsPerMonth.toFixed(2)}${part}.`;
}

function show(status) {
  const where = status.namespace ? `namespace ${status.namespace}` : "the whole cluster";
  const failed = status.failures.length;
  at("told").textContent = `${where}, as ${status.viewer}: ${failed ? `failures: ${failed}` : "nothing fails"}`;
  const numbers = [null, "number", "number", "number"];
  at("objects").replaceChildren(
    ...Object.entries(status.objects).map(([kind, each]) =>
      row([kind, each.ready, each.failed, each.waiting], numbers.map((style, index) => (index === 2 && each.failed ? "number bad" : style)))),
  );
  at("failures").replaceChildren(
    ...status.failures.map((each) =>
      row([`${each.kind} ${each.namespace ? `${each.namespace}/` : ""}${each.name}`, span(each.sinceSeconds), each.reason, each.message])),
  );
  const facts = [`Version ${status.version}.`];
  if (status.oldestRefreshSeconds !== null) facts.push(`The oldest ready ExternalSecret was refreshed ${span(status.oldestRefreshSeconds)} ago.`);
  if (status.bill) facts.push(billed(status.bill));
  if (status.hidden.length) facts.push(`Not shown, because this token may not list them here: ${status.hidden.join(", ")}.`);
  at("facts").textContent = facts.join(" ");
}

function addEntry() {
  const made = at("entry").content.cloneNode(true);
  const entry = made.querySelector(".entry");
  entry.querySelector(".less").addEventListener("click", () => {
    entry.remove();
    at("more").focus();
  });
  at("entries").append(made);
  return entry;
}

async function bytesOf(entry) {
  const [file] = entry.querySelector(".file").files;
  return file ? new Uint8Array(await file.arrayBuffer()) : new TextEncoder().encode(entry.querySelector(".value").value);
}

async function seal(event) {
  event.preventDefault();
  at("result").hidden = true;
  const about = Object.fromEntries(["namespace", "name", "scope", "type"].map((id) => [id, at(id).value.trim()]));
  try {
    if (!globalThis.crypto?.subtle) throw new InputError("Browsers encrypt only on https and on localhost. Use kubectl port-forward, or HTTPS.");
    const answer = await fetch("v1/cert.pem");
    if (!answer.ok) throw new InputError("Coffer has no certificate yet. Try again in a minute.");
    const entries = [];
    for (const each of at("entries").querySelectorAll(".entry")) entries.push([each.querySelector(".key").value.trim(), await bytesOf(each)]);
    at("manifest").value = await sealedManifest(await answer.text(), about, entries);
    at("result").hidden = false;
    at("sealed-told").textContent = "Sealed. Only this cluster can open it.";
  } catch (error) {
    at("sealed-told").textContent = error instanceof InputError ? error.message : "The page cannot reach Coffer, or cannot read a file.";
  }
}

function forget() {
  at("entries").replaceChildren();
  addEntry();
  at("sealed-told").textContent = "The values are cleared.";
}

async function copy() {
  at("manifest").select();
  await navigator.clipboard.writeText(at("manifest").value).catch(() => document.execCommand("copy"));
  at("sealed-told").textContent = "Copied.";
}

at("look").addEventListener("submit", look);
at("asking").addEventListener("submit", explain);
at("sealing").addEventListener("submit", seal);
at("more").addEventListener("click", () => addEntry().querySelector(".key").focus());
at("forget").addEventListener("click", forget);
at("copy").addEventListener("click", copy);
addEntry();
